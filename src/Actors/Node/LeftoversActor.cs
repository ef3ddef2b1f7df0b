using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>Ends what an earlier daemon left and nobody holds. What cannot be ended now is tried again, ever more rarely.</summary>
public sealed class LeftoversActor : ReceiveActor, IWithTimers
{
    private const int ReapsAtOnce = 8;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

    private readonly IHypervisor _hypervisor;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IReadOnlyList<FoundVm> _left;
    private TimeSpan _pause = FirstPause;

    public LeftoversActor(IHypervisor hypervisor, IReadOnlyList<FoundVm> found)
    {
        (_hypervisor, _left) = (hypervisor, found);
        Receive<TryDue>(_ => Try());
        Receive<Tried>(OnTried);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Try();

    private void Try() => ReapAsync(_hypervisor, _left).PipeTo(Self);

    private static async Task<Tried> ReapAsync(IHypervisor hypervisor, IReadOnlyList<FoundVm> found)
    {
        var failed = new ConcurrentBag<(FoundVm, string)>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = ReapsAtOnce };
        await Parallel.ForEachAsync(found, options, async (vm, cancel) =>
        {
            try
            {
                await hypervisor.ReapAsync(vm, cancel).ConfigureAwait(false);
            }
            catch (Exception e) when (e is VmFailedException or IOException or UnauthorizedAccessException)
            {
                failed.Add((vm, e.Message));
            }
        }).ConfigureAwait(false);
        return new Tried([.. failed]);
    }

    private void OnTried(Tried tried)
    {
        var failed = tried.Failed.Select(f => f.Vm).ToHashSet();
        var ended = _left.Where(vm => !failed.Contains(vm)).ToList();
        if (ended.Count > 0) _log.Info("{0} VMs of an earlier daemon that nobody held were ended", ended.Count);
        foreach (var vm in ended.Where(vm => vm.Problem is not null)) _log.Warning("left by an earlier daemon: VM {0}: {1}", vm.Id, vm.Problem);
        if (failed.Count == 0)
        {
            Context.Stop(Self);
            return;
        }

        // Told once: nothing else comes of the later tries.
        if (_pause == FirstPause)
            foreach (var (vm, why) in tried.Failed) _log.Warning("left by an earlier daemon: VM {0} could not be ended, and is tried again: {1}", vm.Id, why);
        _left = [.. failed];
        Timers.StartSingleTimer(nameof(TryDue), TryDue.Instance, _pause);
        _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
    }

    private sealed record TryDue { public static readonly TryDue Instance = new(); }
    private sealed record Tried(IReadOnlyList<(FoundVm Vm, string Why)> Failed);
}
