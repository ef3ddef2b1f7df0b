using Akka.Actor;
using Akka.TestKit;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Crash;

/// <summary>
/// A few lives of a daemon on one host, among clients that do as they like; each life but the last is killed somewhere.
/// The seed fixes what is done and where the kill comes; the threads may still take turns differently.
/// </summary>
internal sealed class CrashRound
{
    private readonly ActorSystem _system;
    private readonly PoolOptions _pool;
    private readonly Random _random;
    private readonly CrashHost _host;
    private readonly Clients _clients;
    private readonly List<string> _kills = [];

    public CrashRound(ActorSystem system, PoolOptions pool, int seed)
    {
        (_system, _pool, _random) = (system, pool, new Random(seed));
        _host = new CrashHost((TestScheduler)system.Scheduler, seed);
        _clients = new Clients(_host, pool, _random);
    }

    public IReadOnlyList<HistoryEvent> History => _host.History.Events;

    public string Kills => string.Join(", ", _kills);

    /// <summary>What the last life's pool had to tell.</summary>
    public string Told { get; private set; } = "";

    public async Task RunAsync()
    {
        if (_random.Next(2) == 0) _host.FailSometimes();
        for (var lives = _random.Next(1, 4); lives > 0; lives--)
        {
            var daemon = await DaemonLife.StartAsync(_system, _host, _pool, _random.Next(1, 70));
            await LiveAsync(daemon);
            await daemon.KillAsync();
            _kills.Add(daemon.LastStep);
            _clients.Forget();
            await daemon.BuryAsync();
            WhileNobodyWatches();
        }

        _host.FailNoMore();
        var last = await DaemonLife.StartAsync(_system, _host, _pool, int.MaxValue);
        await LiveAsync(last);
        await EndAsync(last);
        _host.Hypervisor.Kill();
        await last.BuryAsync();
    }

    private async Task LiveAsync(DaemonLife daemon)
    {
        if (await daemon.LookAsync() is not { } view) return;
        _host.History.Add(new HistoryEvent.Looked(_host.Now, view.Vms.Where(v => !v.Life.Ended).ToDictionary(v => v.Id, v => v.Lease?.Token)));
        for (var acts = _random.Next(5, 25); acts > 0 && !daemon.Dead; acts--) await ActAsync(daemon);
    }

    private async Task ActAsync(DaemonLife daemon)
    {
        switch (_random.Next(12))
        {
            case < 4:
                _clients.Ask(daemon);
                break;
            case 4:
                _clients.Leave(daemon);
                break;
            case < 8:
                await _clients.ActAsync(daemon);
                break;
            case 8:
                await _clients.ReleaseAsync(daemon);
                break;
            case 9:
                await daemon.LookAsync();
                if (!_clients.Waiting && Die() is { } dead) await NoticedAsync(daemon, dead);
                break;
            case 10:
                _host.Advance(TimeSpan.FromSeconds(_random.Next(1, 40)));
                break;
            default:
                await daemon.LookAsync();
                break;
        }
    }

    private void WhileNobodyWatches()
    {
        if (_random.Next(3) == 0) _clients.RunUnseen();
        if (_random.Next(4) == 0) Die();
        if (_random.Next(4) == 0 && _host.Hypervisor.Alive.FirstOrDefault(v => v.LastMark.Ownership == VmOwnership.Warm) is { } warm)
        {
            _host.History.Add(new HistoryEvent.Spoilt(warm.Facts.Id));
            warm.Machine.RunByClient();
            warm.Machine.PauseByClient();
        }

        if (_random.Next(2) == 0) _host.Advance(TimeSpan.FromSeconds(_random.Next(1, 60)));
    }

    private VmId? Die()
    {
        var living = _host.Hypervisor.Alive.OrderBy(v => v.Facts.Process.Pid).ToList();
        if (living.Count == 0) return null;
        var vm = living[_random.Next(living.Count)];
        _host.History.Add(new HistoryEvent.Died(vm.Facts.Id));
        vm.Die("was killed by signal 9 (SIGKILL)");
        return vm.Facts.Id;
    }

    /// <summary>Whoever asks in the moment before that may still be given what is dead.</summary>
    private async Task NoticedAsync(DaemonLife daemon, VmId dead)
    {
        for (var looks = 0; looks < 2000; looks++)
        {
            if (await daemon.LookAsync() is not { } view || view.Vms.All(v => v.Id != dead || v.Life.Ended)) return;
            // A look at what there is may be due again, or a take-over.
            if (looks % 20 == 19) _host.Advance(TimeSpan.FromSeconds(1));
            if (looks == 1999) Assert.Fail($"the end of {dead} is not noticed:\n{string.Join('\n', view.Vms)}\n{string.Join('\n', view.Events)}");
        }
    }

    /// <summary>Waits until the pool is at its target and nothing is on its way, and looks at what there is then.</summary>
    private async Task EndAsync(DaemonLife daemon)
    {
        for (var looks = 0; looks < 2000; looks++)
        {
            var view = (await daemon.LookAsync())!;
            var living = _host.Hypervisor.Vms.Values.Where(v => v.Machine.OnDisk).Select(v => v.Facts.Id).ToHashSet();
            if (!_clients.Waiting && view.Warm == view.Target && view.Warming == 0 && view.Vms.All(Settled) && living.SetEquals(view.Vms.Select(v => v.Id)))
            {
                _host.History.Add(new HistoryEvent.AtRest());
                Told = string.Join('\n', (await daemon.LookAsync())!.Events);
                _host.History.Add(new HistoryEvent.Ended(living, [.. view.Vms.Select(v => v.Id)]));
                return;
            }

            if (looks % 20 == 19) _host.Advance(TimeSpan.FromSeconds(5));
        }

        var final = (await daemon.LookAsync())!;
        Assert.Fail($"the pool does not come to rest: {final}\n{string.Join('\n', final.Vms)}\n{string.Join('\n', final.Events)}");
    }

    private static bool Settled(VmView vm) => vm.Life.Phase is VmPhase.Warm or VmPhase.Leased;
}
