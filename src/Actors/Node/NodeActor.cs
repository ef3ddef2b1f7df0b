using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// The host. At start it looks at what an earlier daemon left: warm and handed-out VMs go on under their pool (one that is no
/// longer configured goes on with target 0), others are ended, and what cannot be known to be ours is left alone. Callers
/// queue at the gateway meanwhile.
/// </summary>
public sealed class NodeActor : ReceiveActor, IWithTimers
{
    private const int ReapsAtOnce = 8;
    private const string PoolPrefix = "pool-";

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private static readonly CordonPool Cordoned = new("this host is cordoned: `vmcache node uncordon` lets it keep VMs warm again");

    private readonly NodePlan _plan;
    private readonly NodePorts _ports;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<PoolName, IActorRef> _pools = [];
    private readonly HashSet<PoolName> _stopping = [];
    private readonly List<IActorRef> _drainAskers = [];
    private readonly EventJournal _journal;
    private readonly IActorRef _gateway;
    private readonly IActorRef _slots;
    private readonly IActorRef _accelerators;
    private readonly NodeQuarantine _quarantine;
    private string? _trouble;
    private IActorRef? _stopAsker;
    private StopPool? _stopped;
    private bool _drained;
    private CordonPool? _cordon;
    private bool _open, _reaping;
    private (ApplyPools Pools, IActorRef Asker)? _early;
    private NodePools _configured;

    public NodeActor(NodePlan plan, NodePorts ports)
    {
        _plan = plan;
        _configured = new NodePools(plan.Pools);
        _ports = ports;
        _journal = ports.Journal;
        if (ports.WasCordoned()) _cordon = Cordoned;
        _gateway = Child("gateway", Props.Create(() => new GatewayActor(ports.Journal, ports.Quarantine)));
        _slots = Child("boot-slots", Props.Create(() => new BootSlotsActor(plan.BootParallelism, ports.Memory, plan.Memory)));
        _accelerators = Child("accelerator", Props.Create(() => new AcceleratorActor(ports.Proof, plan.Proof)));

        _quarantine = new NodeQuarantine(ports.Quarantine, ports.Vms.Hypervisor, Self, _log);

        Receive<GetGateway>(_ => Sender.Tell(_gateway));
        Receive<GatewayStarted>(_ => Introduce());
        Receive<Looked>(looked => Open(looked.Found));
        Receive<LookFailed>(failed => OnLookFailed(failed.Cause));
        Receive<LookDue>(_ => Look());
        Receive<Reaped>(OnReaped);
        Receive<ReapVm>(reap => _quarantine.End(reap, Sender));
        Receive<QuarantineEnded>(_quarantine.Ended);
        Receive<DrainNode>(_ => OnDrain(Sender));
        Receive<ProveKvmAnew>(_accelerators.Forward);
        Receive<CordonNode>(OnCordon);
        Receive<ApplyPools>(apply => OnApply(apply, Sender));
        Receive<RolloutEnded>(ended => _ports.Rollouts?.Ended(ended.Pool, ended.Revision, ended.Undone));
        Receive<PoolRestarted>(OnPoolRestarted);
        Receive<StopNode>(OnStop);
        Receive<PoolStopped>(stopped => { _stopping.Remove(stopped.Name); FinishStop(); });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Restart);

    protected override void PreStart() => Look();

    /// <summary>Unlike Akka's default, this does not end the children: clients hold the gateway's reference. Akka restarts
    /// them along with their parent, and each recovers by itself.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
    }

    protected override void PostRestart(Exception reason)
    {
        foreach (var pool in Context.GetChildren().Where(c => c.Path.Name.StartsWith(PoolPrefix, StringComparison.Ordinal)))
        {
            _pools[new PoolName(pool.Path.Name[PoolPrefix.Length..])] = pool;
        }

        if (_pools.Count == 0) Look();
        else _open = true;
        Introduce();
    }

    private static IActorRef Child(string name, Props props)
        => Context.Child(name) is var child && child.IsNobody() ? Context.ActorOf(props, name) : child;

    private void Look() => _ports.Vms.Hypervisor.FindAsync(CancellationToken.None)
        .PipeTo(Self, success: found => new Looked(found), failure: e => new LookFailed(e));

    /// <summary>What is there is not known: to start without it would make its VMs nobody's, and others of its directories.</summary>
    private void OnLookFailed(Exception cause)
    {
        if (_open || _stopAsker is not null) return;
        if (_trouble != cause.Message) _log.Error("what an earlier daemon left cannot be looked at; no VM is made or given until it can, trying again every second: {0}", cause.Message);
        _trouble = cause.Message;
        TellTrouble();
        Timers.StartSingleTimer(nameof(LookDue), LookDue.Instance, LookAgain);
    }

    private void TellTrouble() => _gateway.Tell(new NodeTroubled(
        _trouble is null ? null : $"what an earlier daemon left cannot be looked at, and no VM is made or given until it can: {_trouble}"));

    private void Open(IReadOnlyList<FoundVm> found)
    {
        if (_open || _stopAsker is not null) return;
        if (_trouble is not null) _log.Info("what an earlier daemon left can be looked at again");
        _trouble = null;
        var judged = found.Select(f => (Found: f, Verdict: AdoptionRules.Classify(f, WantedBy(f.Facts?.Spec.Pool)))).ToLookup(j => j.Verdict.What);
        _reaping = true;
        ReapAsync([.. judged[Adoption.Reap]]).PipeTo(Self);
        _ports.Quarantine.Add(judged[Adoption.Quarantine].Select(j => (j.Found, j.Verdict.Reason)), _log);

        var adopted = judged[Adoption.Adopt].Select(j => j.Found).ToLookup(f => f.Facts!.Spec.Pool);
        var notes = judged[Adoption.Quarantine].ToLookup(
            j => j.Found.Facts?.Spec.Pool is { } pool && WantedBy(pool) is not null ? pool : _plan.Pools[0].Name,
            j => ((VmId?)j.Found.Id, $"was found and is left alone: {j.Verdict.Reason}"));
        foreach (var options in _plan.Pools) OpenPool(new Pools.PoolPlan(options, [.. adopted[options.Name]], [.. notes[options.Name]]));
        foreach (var orphans in adopted.Where(g => WantedBy(g.Key) is null))
        {
            OpenPool(new Pools.PoolPlan(Retired(orphans.Key, orphans.First().Facts!.Spec), [.. orphans], [], "it is no longer configured"));
        }

        _open = true;
        Introduce();
        if (_cordon is not null) Tell(_cordon);
        _drainAskers.ForEach(OnDrain);
        _drainAskers.Clear();
        if (_early is { } early) OnApply(early.Pools, early.Asker);
    }

    private void OnApply(ApplyPools apply, IActorRef asker)
    {
        if (!_open)
        {
            // The last one counts, and says it all.
            _early?.Asker.Tell(PoolsApplied.Instance);
            _early = (apply, asker);
            return;
        }

        _early = null;
        if (_stopAsker is null) foreach (var change in _configured.Apply(apply.Pools)) Apply(change);
        Introduce();
        asker.Tell(PoolsApplied.Instance);
    }

    private void Apply(NodePools.Change change)
    {
        var known = _pools.TryGetValue(change.Name, out var pool);
        if (change.Options is not { } options)
        {
            pool?.Tell(new RetirePool(NodePools.Retired));
        }
        else if (known)
        {
            pool!.Tell(new ChangePool(options));
        }
        else
        {
            OpenPool(new Pools.PoolPlan(options, [], []));
            TellStanding(_pools[options.Name]);
        }
    }

    /// <summary>What is said to all pools, to one that has not heard it.</summary>
    private void TellStanding(IActorRef pool)
    {
        if (_cordon is not null) pool.Tell(_cordon);
        if (_drained) pool.Tell(new DrainPool(DrainCollector.Reason), ActorRefs.NoSender);
    }

    private void OnDrain(IActorRef asker)
    {
        _drained = true;
        var pools = _pools.Values.ToList();
        if (_open) Context.ActorOf(Props.Create(() => new DrainCollector(pools, asker)));
        else _drainAskers.Add(asker);
    }

    private void OnCordon(CordonNode cordon)
    {
        if (!cordon.On) _drained = false;
        _cordon = cordon.On ? Cordoned : null;
        Tell(_cordon ?? new CordonPool(null));
        Sender.Tell(NodeCordoned.Instance);
    }

    private void Tell(CordonPool cordon)
    {
        foreach (var pool in _pools.Values) pool.Tell(cordon);
    }

    private void OnPoolRestarted(PoolRestarted restarted)
    {
        TellStanding(Sender);
        if (_configured.IsRetired(restarted.Name)) Sender.Tell(new RetirePool(NodePools.Retired));
        if (_stopAsker is not null && _stopping.Contains(restarted.Name)) Sender.Tell(_stopped);
    }

    private VmSpec? WantedBy(PoolName? pool) => _plan.Pools.FirstOrDefault(p => p.Name == pool)?.Spec;

    /// <summary>A pool that is configured no more and still has VMs out: it makes none, and takes its manners from the first.</summary>
    private PoolOptions Retired(PoolName name, VmSpec spec)
        => _plan.Pools[0] with { Name = name, Spec = spec, VmCacheNumber = 0, Accelerator = AcceleratorChoice.Tcg, Endpoint = null };

    private void OpenPool(Pools.PoolPlan plan)
    {
        var around = new PoolSurroundings(_gateway, _slots, _accelerators, _ports.Vms, _journal, _ports.Random)
        {
            Templates = _plan.Templates, NewId = NewId, Quarantine = _ports.Quarantine,
        };
        var pool = Context.ActorOf(Props.Create(() => new PoolManagerActor(plan, around)), PoolPrefix + plan.Options.Name);
        _pools[plan.Options.Name] = pool;
        if (plan.Found.Count > 0) _log.Info("pool {0}: {1} VMs of an earlier daemon are taken over", plan.Options.Name, plan.Found.Count);
    }

    private VmId NewId() => _plan.Tag is { } tag ? VmId.New(tag) : VmId.New();

    private void Introduce()
    {
        TellTrouble();
        foreach (var (name, pool) in _pools) _gateway.Tell(new PoolOpened(name, pool));
        if (_open) _gateway.Tell(NodeOpened.Instance);
    }

    private async Task<Reaped> ReapAsync(IReadOnlyList<(FoundVm Found, AdoptionVerdict Verdict)> nobodys)
    {
        var problems = new System.Collections.Concurrent.ConcurrentBag<string>();
        var unended = new System.Collections.Concurrent.ConcurrentBag<EndFoundVm>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = ReapsAtOnce };
        await Parallel.ForEachAsync(nobodys, options, async (vm, cancel) =>
        {
            var left = await Recovery.EndAsync(_ports.Vms.Hypervisor, vm.Found, vm.Verdict.Reason, cancel).ConfigureAwait(false);
            if (left is not null) unended.Add(left);
            else if (vm.Found.Problem is { } problem) problems.Add($"VM {vm.Found.Id}: {problem}");
        }).ConfigureAwait(false);
        return new Reaped(nobodys.Count - unended.Count, [.. problems], [.. unended]);
    }

    private void OnReaped(Reaped reaped)
    {
        if (reaped.Count > 0) _log.Info("{0} VMs of an earlier daemon that nobody held were ended", reaped.Count);
        foreach (var problem in reaped.Problems) _log.Warning("left by an earlier daemon: {0}", problem);
        foreach (var unended in reaped.Unended) PoolOf(unended.Found)?.Tell(unended);
        _reaping = false;
        FinishStop();
    }

    /// <summary>A VM whose pool is not known, or not there any more, is the first pool's.</summary>
    private IActorRef? PoolOf(FoundVm found)
        => found.Facts is { } facts && _pools.TryGetValue(facts.Spec.Pool, out var own) ? own : _pools.GetValueOrDefault(_plan.Pools[0].Name);

    private void OnStop(StopNode stop)
    {
        _stopAsker = Sender;
        _stopped = new StopPool(stop.Reason);
        // It proves nothing more; the VM of its proof ends with all that are of no use to a later daemon.
        Context.Stop(_accelerators);
        foreach (var (name, pool) in _pools)
        {
            _stopping.Add(name);
            pool.Tell(_stopped);
        }

        FinishStop();
    }

    private void FinishStop()
    {
        if (_stopAsker is not null && _stopping.Count == 0 && !_reaping) _stopAsker.Tell(NodeStopped.Instance);
    }

    private sealed record Looked(IReadOnlyList<FoundVm> Found);
    private sealed record LookFailed(Exception Cause);
    private sealed record LookDue { public static readonly LookDue Instance = new(); }
    private sealed record Reaped(int Count, IReadOnlyList<string> Problems, IReadOnlyList<EndFoundVm> Unended);
}
