using System.Threading.Channels;
using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// The host's face in the cluster: tells the inventory what the host has whenever that changes, at most every 200 ms, and takes the host's shares
/// of totals. The only link between the two actor systems, and a one-way one: the host does not know of it.
/// </summary>
public sealed class HostBridgeActor : ReceiveActor, IWithTimers
{
    /// <summary>From a change to its being told.</summary>
    public static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(200);

    /// <summary>Memory changes without an event.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private readonly ClusterPlan _plan;
    private readonly ClusterPorts _ports;
    private readonly IActorRef _inventory;
    /// <summary>Of what happens only that something did is of interest.</summary>
    private readonly Channel<NodeEvent> _events =
        Channel.CreateBounded<NodeEvent>(new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<PoolName, Demand> _demand = [];
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private HostCapacity? _told;

    public HostBridgeActor(ClusterPlan plan, ClusterPorts ports, IActorRef inventory)
    {
        (_plan, _ports, _inventory) = (plan, ports, inventory);
        Receive<Happened>(_ =>
        {
            _events.Reader.TryRead(out var _);
            if (!Timers.IsTimerActive(nameof(AskHost))) Timers.StartSingleTimer(nameof(AskHost), AskHost.Instance, Settle);
            Listen();
        });
        Receive<AskHost>(_ => Ask());
        Receive<NodeView>(OnView);
        Receive<Shares>(OnShares);
        Receive<NotTaken>(not => _log.Warning("this host's shares of totals could not be taken, and are dealt again: {0}", not.Why.Message));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        _ports.Journal.TryWatch(null, _ports.Journal.Epoch, _ports.Journal.Last, _events.Writer);
        Listen();
        Ask();
    }

    protected override void PostStop() => _ports.Journal.Leave(_events.Writer);

    private void Listen() => _events.Reader.WaitToReadAsync().AsTask().PipeTo(Self, success: _ => Happened.Instance);

    private void Ask()
    {
        _ports.Host.Tell(GetNodeView.Instance);
        Timers.StartSingleTimer(nameof(Look), AskHost.Instance, Look);
    }

    private void OnView(NodeView view)
    {
        var now = _ports.Time.GetUtcNow();
        foreach (var pool in view.Pools) _demand[pool.Name] = (_demand.TryGetValue(pool.Name, out var known) ? known : Demand.Since(now)).Next(pool.Callers, now);
        foreach (var gone in _demand.Keys.Where(name => view.Pools.All(p => p.Name != name)).ToList()) _demand.Remove(gone);
        var capacity = HostCapacities.Of(view, _plan.Host, _ports.Memory?.Read(), pool => _demand[pool.Name].PerMinute) with
        {
            PoolsKnown = _ports.Pools?.Digest ?? 0,
            Templates = [.. (_ports.Templates?.Held ?? []).Select(TemplateHolders.Hint).Order()],
        };
        if (_told is not null && HostCapacities.Same(_told, capacity)) return;
        _told = capacity with { Sequence = _ports.Sequence.Next() };
        _inventory.Tell(new PublishCapacity(_told));
    }

    private void OnShares(Shares dealt)
    {
        if (_ports.Pools is not { } pools) return;
        var shares = dealt.Pools.Where(p => PoolName.TryParse(p.Key, out _)).ToDictionary(p => new PoolName(p.Key), p => Math.Max(0, p.Value));
        pools.ShareAsync(shares, CancellationToken.None).PipeTo(Self, success: () => AskHost.Instance, failure: e => new NotTaken(e));
    }

    private sealed record NotTaken(Exception Why);
    private sealed record Happened { public static readonly Happened Instance = new(); }
    private sealed record AskHost { public static readonly AskHost Instance = new(); }
}
