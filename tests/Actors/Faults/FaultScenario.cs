using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.Actors.Crash;
using VmCacheCluster.Tests.TestSupport.Fakes;
using VmCacheCluster.Tests.TestSupport.Faults;
using VmCacheCluster.Tests.TestSupport.History;

namespace VmCacheCluster.Tests.Actors.Faults;

/// <summary>
/// What daemons do in their lives, always the same: warm up, hand out by both interfaces, renew, lend, command, let expire, take back, be killed and
/// followed, drain. Whatever fails of it, callers are answered, and it goes on.
/// </summary>
internal sealed class FaultScenario(ActorSystem system, CrashHost host, PortFaults faults)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Ttl = TimeSpan.FromHours(2);

    private static readonly PoolOptions Booting = new()
    {
        Name = PoolName.Default,
        Spec = new VmSpec
        {
            Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = "/k", Initrd = "/i", MaxCpus = 4, MemorySlots = 2, MaxMemoryMiB = 1024,
        },
        VmCacheNumber = 1,
        Accelerator = AcceleratorChoice.Tcg,
        GracePeriod = Grace,
        Lease = new LeaseLimits(Ttl, TimeSpan.FromHours(24)),
        BootTimeout = TimeSpan.FromSeconds(60),
        MaxWaiting = 16,
        Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), 0.2),
    };

    private static readonly VmMark Making = new(VmOwnership.Making, HandOutPath.None, Served.Unknown, default);

    private static readonly PoolName Clones = new("clones");

    private static readonly PoolOptions Cloning = Booting with { Name = Clones, Spec = Booting.Spec with { Pool = Clones }, Refill = RefillChoice.Auto };

    private readonly FakeTemplates _templates = new(host.Hypervisor);
    private FaultyDaemon _daemon = null!;
    private int _callers;

    public async Task RunAsync()
    {
        await StartAsync();
        var kata = await AcquireAsync(PoolName.Default, HandOutPath.Kata, null);
        await RunByClientAsync(kata);
        var lease = await AcquireAsync(Clones, HandOutPath.V1, Wish(cpus: 2, memory: 512, sandbox: "box", key: "key"));
        await UseAsync(lease);
        await RenewAsync(lease, Ttl);
        foreach (var command in Commands) await AnsweredAsync(new RunVmCommand(lease.Facts.Id, command));
        await LeaveAsync();
        await ExpireAsync();
        await _daemon.RestAsync();
        await BeWatchedAsync();

        await _daemon.KillAsync();
        var started = VmId.New();
        lock (host.Hypervisor.Found) host.Hypervisor.Found.Add(new FoundVm(started, null, Making, FoundProcess.Alive, null) { Record = FoundRecord.Missing });
        await StartAsync();
        await UseAsync(lease);
        await RenewAsync(lease, Ttl);
        await ReleaseAsync(lease);
        await ReleaseAsync(kata);
        await _daemon.RestAsync();
        Assert.IsType<NodeDrained>(await _daemon.AskAsync(DrainNode.Instance));
        await _daemon.RestAsync(drained: true);
        await _daemon.TerminateAsync();
    }

    private static IReadOnlyList<VmCommand> Commands =>
    [
        new VmCommand.Pause(), new VmCommand.Save("/state"), new VmCommand.Resume(), new VmCommand.AddCpus(1), new VmCommand.AddMemory(128),
        new VmCommand.Online(), new VmCommand.Reseed(), new VmCommand.SetClock(), new VmCommand.Disconnect(),
    ];

    private async Task StartAsync()
    {
        _daemon = await FaultyDaemon.StartAsync(system, host, _templates, faults, Booting, Cloning);
        await _daemon.RestAsync();
    }

    /// <summary>A caller that is refused asks again, as it was told.</summary>
    private async Task<BaseVmGranted> AcquireAsync(PoolName pool, HandOutPath path, LeaseWish? wish)
    {
        var holder = wish is { IdempotencyKey.Length: > 0 } ? wish.IdempotencyKey : $"caller {++_callers}";
        for (var tries = 1; ; tries++)
        {
            host.History.Add(new HistoryEvent.Asked());
            var asked = host.Now;
            var answer = await AnswerAsync(new AcquireBaseVm(new AcquireTicket(), pool, path, Patience, wish));
            host.History.Add(new HistoryEvent.Settled());
            if (answer is BaseVmGranted granted)
            {
                var record = granted.Lease?.Record;
                host.History.Add(new HistoryEvent.Granted(
                    granted.Facts.Id, holder, record?.Token, host.Now, asked + Grace, record is null ? null : asked + record.Ttl));
                return granted;
            }

            if (tries == 5) throw new InvalidOperationException($"{holder} gets no VM: {answer}");
            host.Advance(TimeSpan.FromSeconds(5));
        }
    }

    /// <summary>Time goes on while it waits, for the pool may be in a pause.</summary>
    private async Task<IAcquireAnswer> AnswerAsync(AcquireBaseVm caller)
    {
        _daemon.Gateway.Tell(caller);
        for (var looks = 1; !caller.Ticket.Settled; looks++)
        {
            await _daemon.LookAsync();
            if (looks % 20 == 0) host.Advance(TimeSpan.FromSeconds(1));
            if (looks == 2000) throw new InvalidOperationException("a caller has no answer");
        }

        return await caller.Ticket.Answer;
    }

    private async Task RunByClientAsync(BaseVmGranted kata)
    {
        host.Hypervisor.Vms[kata.Facts.Id].Machine.RunByClient();
        for (var looks = 1; (await _daemon.LookAsync()).SelectMany(p => p.Vms).Any(v => v.Id == kata.Facts.Id && !v.Life.Confirmed); looks++)
            if (looks == 2000) throw new InvalidOperationException("a VM that its client runs is not seen to run");
        host.History.Add(new HistoryEvent.Confirmed(kata.Facts.Id));
    }

    /// <summary>The holder runs a program, twice when the first time something fails.</summary>
    private async Task UseAsync(BaseVmGranted lease)
    {
        if (await TwiceAsync<GuestLent>(new UseGuest(lease.Facts.Id, lease.Lease!.Record.Token)) is not { } lent) return;
        host.History.Add(new HistoryEvent.Confirmed(lease.Facts.Id));
        try
        {
            await using var program = await lent.Guest.ExecAsync(new GuestCommand(["true"], new Dictionary<string, string>(), "", null), CancellationToken.None);
            await program.WriteStdinAsync(new byte[] { 1 }, CancellationToken.None);
            await program.CloseStdinAsync(CancellationToken.None);
        }
        catch (VmFailedException)
        {
            // The caller's program failed, and it is told so.
        }
    }

    private async Task RenewAsync(BaseVmGranted lease, TimeSpan ttl)
    {
        var until = host.Now + ttl;
        host.History.Add(new HistoryEvent.RenewalAsked(lease.Facts.Id, until));
        if (await TwiceAsync<LeaseRenewed>(new RenewLease(lease.Facts.Id, lease.Lease!.Record.Token, ttl)) is not null)
            host.History.Add(new HistoryEvent.Renewed(lease.Facts.Id, until));
    }

    private async Task ReleaseAsync(BaseVmGranted vm)
    {
        host.History.Add(new HistoryEvent.Released(vm.Facts.Id));
        await AnsweredAsync(new ReleaseVm(vm.Facts.Id, vm.Lease?.Record.Token));
    }

    /// <summary>A caller leaves before it is answered; what it was to have goes to others, or ends.</summary>
    private async Task LeaveAsync()
    {
        var caller = new AcquireBaseVm(new AcquireTicket(), Clones, HandOutPath.V1, Patience, Wish());
        host.History.Add(new HistoryEvent.Asked());
        _daemon.Gateway.Tell(caller);
        if (caller.Ticket.TryAbandon()) _daemon.Gateway.Tell(new AcquireAbandoned(caller.Ticket, Clones));
        else if (await caller.Ticket.Answer is BaseVmGranted granted) granted.Vm.Tell(new ReturnVm(granted.Facts.Id), ActorRefs.NoSender);
        host.History.Add(new HistoryEvent.Settled());
    }

    private async Task ExpireAsync()
    {
        var lease = await AcquireAsync(PoolName.Default, HandOutPath.V1, Wish(ttl: Short));
        await RenewAsync(lease, Short);
        host.Advance(Short + TimeSpan.FromSeconds(1));
    }

    /// <summary>VMs look after their records by themselves, and nobody is answered when they have.</summary>
    private async Task BeWatchedAsync()
    {
        for (var looks = 1; !faults.Calls.Any(c => c.Name == "IVm.KeepRecordAsync"); looks++)
        {
            await _daemon.LookAsync();
            if (looks % 20 == 0) host.Advance(TimeSpan.FromSeconds(1));
            if (looks == 2000) throw new InvalidOperationException("nobody looks after the records");
        }
    }

    private async Task<T?> TwiceAsync<T>(object question) where T : class => await AnsweredAsync(question) as T ?? await AnsweredAsync(question) as T;

    /// <summary>Time goes on meanwhile: what failed is tried again later.</summary>
    private async Task<object> AnsweredAsync(object question)
    {
        var answer = _daemon.AskAsync(question);
        for (var looks = 1; !answer.IsCompleted; looks++)
        {
            await _daemon.LookAsync();
            if (looks % 20 == 0) host.Advance(TimeSpan.FromSeconds(1));
        }

        return await answer;
    }

    private static LeaseWish Wish(int cpus = 0, int memory = 0, string? sandbox = null, string key = "", TimeSpan? ttl = null) => new(
        cpus, memory, sandbox is not null && SandboxId.TryParse(sandbox, out var id) ? id : null, new Dictionary<string, string>(), ttl, key,
        WarmWish.Prefer, LateBinding.None, ClientHoldsAgent: false);
}
