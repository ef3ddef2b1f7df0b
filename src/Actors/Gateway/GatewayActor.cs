using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// The door: knows the pools and whose each VM is, and sees to it that a VM promised to a call that ended without an
/// answer goes back to its pool.
/// </summary>
public sealed class GatewayActor : ReceiveActor
{
    private readonly Dictionary<PoolName, IActorRef> _pools = [];
    private readonly Dictionary<VmId, IActorRef> _owners = [];
    private readonly Dictionary<Guid, Call> _calls = [];
    private readonly List<(AcquireBaseVm Acquire, IActorRef Asker)> _early = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private bool _open;

    public GatewayActor()
    {
        Receive<PoolOpened>(OnPoolOpened);
        Receive<NodeOpened>(_ => OnNodeOpened());
        Receive<VmOwned>(OnOwned);

        Receive<AcquireBaseVm>(OnAcquire);
        Receive<BaseVmGranted>(OnGranted);
        Receive<AcquireRefused>(OnRefused);
        Receive<BaseVmAnswered>(OnAnswered);
        Receive<BaseVmAbandoned>(OnAbandoned);

        Receive<ReleaseVm>(release => ToOwner(release.Id, release));
        Receive<GetVm>(get => ToOwner(get.Id, get));
        Receive<GetPoolView>(OnGetPoolView);
        Receive<GetNodeView>(_ => Context.ActorOf(Props.Create(() => new ViewCollector(_pools.Values.ToList(), Sender, !_open))));
    }

    protected override void PreStart() => Context.Parent.Tell(GatewayStarted.Instance);

    protected override void PreRestart(Exception reason, object message)
    {
        foreach (var (request, call) in _calls.Where(c => c.Value.Vm is null)) call.Asker.Tell(Recovering(request));
        foreach (var (acquire, asker) in _early) asker.Tell(Recovering(acquire.Request));
        base.PreRestart(reason, message);

        static AcquireRefused Recovering(Guid request)
            => new(request, RefusalKind.Unavailable, "the gateway is recovering from a fault", TimeSpan.FromSeconds(1));
    }

    private void OnPoolOpened(PoolOpened opened)
    {
        _pools[opened.Name] = opened.Pool;
        opened.Pool.Tell(new AnnounceVms(Self));
    }

    private void OnNodeOpened()
    {
        _open = true;
        foreach (var (acquire, asker) in _early) Forward(acquire, asker);
        _early.Clear();
    }

    private void OnOwned(VmOwned owned)
    {
        if (owned.Gone) _owners.Remove(owned.Id);
        else _owners[owned.Id] = Sender;
    }

    private void OnAcquire(AcquireBaseVm acquire)
    {
        if (_open) Forward(acquire, Sender);
        else _early.Add((acquire, Sender));
    }

    private void Forward(AcquireBaseVm acquire, IActorRef asker)
    {
        if (!_pools.TryGetValue(acquire.Pool, out var pool))
        {
            var known = string.Join(", ", _pools.Keys.Select(p => p.Value).Order());
            asker.Tell(new AcquireRefused(acquire.Request, RefusalKind.UnknownPool, $"there is no pool '{acquire.Pool}'; there is: {known}", TimeSpan.Zero));
            return;
        }

        _calls[acquire.Request] = new Call(asker, pool, Vm: null);
        pool.Tell(new AcquireFromPool(acquire, Self));
    }

    private void OnGranted(BaseVmGranted granted)
    {
        if (!_calls.TryGetValue(granted.Request, out var call))
        {
            // The caller left while its VM was on the way.
            granted.Vm.Tell(new ReturnVm(granted.Facts.Id));
            return;
        }

        _calls[granted.Request] = call with { Vm = granted };
        call.Asker.Tell(granted);
    }

    private void OnRefused(AcquireRefused refused)
    {
        if (_calls.Remove(refused.Request, out var call)) call.Asker.Tell(refused);
    }

    private void OnAnswered(BaseVmAnswered answered)
    {
        if (_calls.Remove(answered.Request, out var call) && call.Vm is { } granted)
        {
            granted.Vm.Tell(new DeliverVm(granted.Facts.Id));
        }
    }

    private void OnAbandoned(BaseVmAbandoned abandoned)
    {
        _early.RemoveAll(e => e.Acquire.Request == abandoned.Request);
        if (!_calls.Remove(abandoned.Request, out var call)) return;
        if (call.Vm is { } granted)
        {
            _log.Info("VM {0} goes back: its call ended before it was answered", granted.Facts.Id);
            granted.Vm.Tell(new ReturnVm(granted.Facts.Id));
        }
        else
        {
            call.Pool.Tell(new CancelAcquire(abandoned.Request));
        }
    }

    private void OnGetPoolView(GetPoolView get)
    {
        if (_pools.TryGetValue(get.Pool, out var pool)) pool.Forward(get);
        else Sender.Tell(new PoolUnknown(get.Pool));
    }

    private void ToOwner(VmId id, object message)
    {
        if (_owners.TryGetValue(id, out var owner)) owner.Forward(message);
        else Sender.Tell(new VmRefused(id, RefusalKind.NotFound, $"there is no VM {id} on this host"));
    }

    private sealed record Call(IActorRef Asker, IActorRef Pool, BaseVmGranted? Vm);
}
