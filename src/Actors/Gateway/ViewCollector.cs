using Akka.Actor;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>Gathers the pools' views for one caller. A pool that is too busy to answer in time is left out.</summary>
internal sealed class ViewCollector : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly List<PoolView> _views = [];
    private readonly IReadOnlyList<IActorRef> _pools;
    private readonly IActorRef _asker;
    private readonly NodeView _node;

    /// <param name="node">All but the pools.</param>
    public ViewCollector(IReadOnlyList<IActorRef> pools, IActorRef asker, NodeView node)
    {
        (_pools, _asker, _node) = (pools, asker, node);
        Receive<PoolView>(view =>
        {
            _views.Add(view);
            if (_views.Count == _pools.Count) Finish();
        });
        Receive<Late>(_ => Finish());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Timers.StartSingleTimer(nameof(Late), Late.Instance, Patience);
        foreach (var pool in _pools) pool.Tell(new GetPoolView(default));
        if (_pools.Count == 0) Finish();
    }

    private void Finish()
    {
        _asker.Tell(_node with { Pools = [.. _views.Where(v => !v.Retired || v.Vms.Count > 0).OrderBy(v => v.Name.Value, StringComparer.Ordinal)] });
        Context.Stop(Self);
    }

    private sealed record Late { public static readonly Late Instance = new(); }
}
