using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>What a host has, from what its pools show.</summary>
public static class HostCapacities
{
    /// <summary>Memory comes and goes all the time: so much of a difference is worth telling.</summary>
    private const long MemoryStep = 256L << 20;

    /// <param name="demand">Callers a minute.</param>
    /// <returns>With sequence 0.</returns>
    public static HostCapacity Of(NodeView view, HostFace host, HostMemory? memory, Func<PoolView, double> demand) => new(
        host.Node, host.Peer, host.Gateway, host.Version, StateOf(view), memory?.AvailableBytes ?? 0, host.Labels,
        [
            .. view.Pools.Where(p => !p.Retired).Select(p => new PoolCapacity(
                p.Name, p.Open ? p.Warm : 0, p.Warming, p.Leased, p.Target, p.Waiting, p.RefillTime, p.Revision)
            {
                Shared = p.Shared,
                Room = p.Spec is { } spec && memory is { } had ? MemoryPolicy.RoomFor(spec, p.Warm + p.Warming, had) : int.MaxValue,
                Demand = demand(p),
            }),
        ],
        Sequence: 0);

    /// <summary>Nobody would choose otherwise.</summary>
    public static bool Same(HostCapacity one, HostCapacity other)
        => one.State == other.State && one.PoolsKnown == other.PoolsKnown && one.Templates.SequenceEqual(other.Templates) && Math.Abs(one.MemoryBytes - other.MemoryBytes) < MemoryStep
            && one.Pools.Select(Rough).SequenceEqual(other.Pools.Select(Rough));

    /// <summary>Times and figures of demand that differ by a quarter or less are the same, and so is room where memory is.</summary>
    private static PoolCapacity Rough(PoolCapacity pool)
        => pool with { RefillTime = TimeSpan.FromSeconds(Step(pool.RefillTime.TotalSeconds)), Demand = pool.Demand < 0.1 ? 0 : Step(pool.Demand), Room = 0 };

    private static double Step(double value) => value <= 0 ? 0 : Math.Round(Math.Log(value) * 4);

    private static HostState StateOf(NodeView view)
        => view.Starting ? HostState.Cordoned
            : view.Pools.Any(p => !p.Retired) && view.Pools.All(p => p.Retired || !p.Open) ? HostState.Draining
            : view.Pools.Any(p => p.Cordoned) ? HostState.Cordoned
            : HostState.Up;
}
