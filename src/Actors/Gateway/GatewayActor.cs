using Akka.Actor;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// The door: knows the pools and whose each VM is, and lets callers wait until the pools are open.
/// </summary>
public sealed class GatewayActor : ReceiveActor
{
    private readonly EventJournal _journal;
    private readonly Dictionary<PoolName, IActorRef> _pools = [];
    private readonly Dictionary<VmId, IActorRef> _owners = [];
    private readonly HashSet<PoolName> _unheard = [];
    private readonly List<AcquireBaseVm> _early = [];
    private readonly List<(VmId Id, object Message, IActorRef Sender)> _earlyForVms = [];
    private readonly Quarantine _quarantine;
    private string? _trouble;
    private bool _open;

    public GatewayActor(EventJournal journal, Quarantine quarantine)
    {
        (_journal, _quarantine) = (journal, quarantine);
        Receive<PoolOpened>(OnPoolOpened);
        Receive<NodeOpened>(_ => OnNodeOpened());
        Receive<VmOwned>(OnOwned);
        Receive<VmsAnnounced>(OnAnnounced);

        Receive<AcquireBaseVm>(OnAcquire);
        Receive<AcquireAbandoned>(OnAbandoned);

        Receive<ReleaseVm>(release => ToOwner(release.Id, release));
        Receive<RenewLease>(renew => ToOwner(renew.Id, renew));
        Receive<UseGuest>(use => ToOwner(use.Id, use));
        Receive<UseSocket>(use => ToOwner(use.Id, use));
        Receive<RunVmCommand>(run => ToOwner(run.Id, run));
        Receive<GetVm>(get => ToOwner(get.Id, get));
        Receive<NodeTroubled>(troubled => _trouble = troubled.What);
        Receive<ReapVm>(reap => Context.Parent.Forward(reap));
        Receive<GetKeys>(OnGetKeys);
        Receive<DrainNode>(drain => Context.Parent.Forward(drain));
        Receive<ProveKvmAnew>(prove => Context.Parent.Forward(prove));
        Receive<CordonNode>(cordon => Context.Parent.Forward(cordon));
        Receive<ApplyPools>(apply => Context.Parent.Forward(apply));
        Receive<WatchEvents>(OnWatch);
        Receive<UnwatchEvents>(unwatch => _journal.Leave(unwatch.To));
        Receive<GetPoolView>(OnGetPoolView);
        Receive<GetNodeView>(_ => OnGetNodeView());
    }

    protected override void PreStart() => Context.Parent.Tell(GatewayStarted.Instance);

    protected override void PreRestart(Exception reason, object message)
    {
        foreach (var acquire in _early)
        {
            acquire.Ticket.TryAnswer(new AcquireRefused(RefusalKind.Unavailable, "the gateway is recovering from a fault", TimeSpan.FromSeconds(1)));
        }

        foreach (var (id, _, sender) in _earlyForVms)
        {
            sender.Tell(new VmRefused(id, RefusalKind.Unavailable, "the gateway is recovering from a fault"));
        }

        base.PreRestart(reason, message);
    }

    private void OnPoolOpened(PoolOpened opened)
    {
        _pools[opened.Name] = opened.Pool;
        _unheard.Add(opened.Name);
        opened.Pool.Tell(new AnnounceVms(Self));
    }

    private void OnNodeOpened()
    {
        _open = true;
        foreach (var acquire in _early) Forward(acquire);
        _early.Clear();
        ForwardToVms();
    }

    private void OnAnnounced(VmsAnnounced announced)
    {
        _unheard.Remove(announced.Pool);
        ForwardToVms();
    }

    /// <summary>While it is not known yet whose each VM is, nobody is told that one is not there.</summary>
    private void ForwardToVms()
    {
        if (!_open || _unheard.Count > 0) return;
        foreach (var (id, message, sender) in _earlyForVms) ToOwner(id, message, sender);
        _earlyForVms.Clear();
    }

    private void OnOwned(VmOwned owned)
    {
        if (owned.Gone) _owners.Remove(owned.Id);
        else _owners[owned.Id] = Sender;
    }

    private void OnAcquire(AcquireBaseVm acquire)
    {
        if (_open) Forward(acquire);
        else _early.Add(acquire);
    }

    private void Forward(AcquireBaseVm acquire)
    {
        if (_pools.TryGetValue(acquire.Pool, out var pool))
        {
            pool.Tell(acquire);
            return;
        }

        var known = string.Join(", ", _pools.Keys.Select(p => p.Value).Order());
        acquire.Ticket.TryAnswer(new AcquireRefused(RefusalKind.UnknownPool, $"there is no pool '{acquire.Pool}'; there is: {known}", TimeSpan.Zero));
    }

    private void OnAbandoned(AcquireAbandoned abandoned)
    {
        _early.RemoveAll(e => e.Ticket == abandoned.Ticket);
        if (_pools.TryGetValue(abandoned.Pool, out var pool)) pool.Tell(abandoned);
    }

    private void OnGetNodeView()
    {
        var node = new NodeView([], !_open) { Quarantined = _quarantine.All, Trouble = _trouble };
        Context.ActorOf(Props.Create(() => new ViewCollector(_pools.Values.ToList(), Sender, node)));
    }

    private void OnGetPoolView(GetPoolView get)
    {
        if (_pools.TryGetValue(get.Pool, out var pool)) pool.Forward(get);
        else Sender.Tell(new PoolUnknown(get.Pool));
    }

    private void OnGetKeys(GetKeys get)
    {
        if (!_open || _unheard.Count > 0)
        {
            Sender.Tell(new KeysUnknown("it is being started, and does not know its VMs yet"));
            return;
        }

        List<IActorRef> pools = get.Only is { } only ? _pools.TryGetValue(only.Pool, out var pool) ? [pool] : [] : [.. _pools.Values];
        if (pools.Count == 0) Sender.Tell(new KeysHeld([]));
        else Context.ActorOf(Props.Create(() => new KeyCollector(pools, get, Sender)));
    }

    private void OnWatch(WatchEvents watch)
    {
        if (_journal.TryWatch(watch.Pool, watch.Epoch, watch.After, watch.To)) return;
        var (journal, pools, starting) = (_journal, _pools.ToDictionary(), !_open);
        Context.ActorOf(Props.Create(() => new WatchStarter(watch, journal, pools, starting)));
    }

    private void ToOwner(VmId id, object message) => ToOwner(id, message, Sender);

    private void ToOwner(VmId id, object message, IActorRef sender)
    {
        if (_owners.TryGetValue(id, out var owner)) owner.Tell(message, sender);
        else if (!_open || _unheard.Count > 0) _earlyForVms.Add((id, message, sender));
        else sender.Tell(_quarantine.Refusal(id, $"there is no VM {id} on this host"));
    }
}
