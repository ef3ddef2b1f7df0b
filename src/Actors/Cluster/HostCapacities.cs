using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>What a host has, from what its pools show.</summary>
public static class HostCapacities
{
    /// <summary>Memory comes and goes all the time: so much of a difference is worth telling.</summary>
    private const long MemoryStep = 256L << 20;

    /// <returns>With sequence 0.</returns>
    public static HostCapacity Of(NodeView view, HostFace host, HostMemory? memory) => new(
        host.Node, host.Peer, host.Gateway, host.Version, StateOf(view), memory?.AvailableBytes ?? 0, host.Labels,
        [
            .. view.Pools.Where(p => !p.Retired).Select(p => new PoolCapacity(
                p.Name, p.Open ? p.Warm : 0, p.Warming, p.Leased, p.Target, p.Waiting, p.RefillTime, p.Revision)),
        ],
        Sequence: 0);

    /// <summary>Nobody would choose otherwise.</summary>
    public static bool Same(HostCapacity one, HostCapacity other)
        => one.State == other.State && one.PoolsKnown == other.PoolsKnown && one.Templates.SequenceEqual(other.Templates) && Math.Abs(one.MemoryBytes - other.MemoryBytes) < MemoryStep
            && one.Pools.Select(Rough).SequenceEqual(other.Pools.Select(Rough));

    /// <summary>A time within a tenth is the same.</summary>
    private static PoolCapacity Rough(PoolCapacity pool)
        => pool with { RefillTime = pool.RefillTime <= TimeSpan.Zero ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Round(Math.Log(pool.RefillTime.TotalSeconds) * 4)) };

    private static HostState StateOf(NodeView view)
        => view.Starting ? HostState.Cordoned
            : view.Pools.Any(p => !p.Retired) && view.Pools.All(p => p.Retired || !p.Open) ? HostState.Draining
            : view.Pools.Any(p => p.Cordoned) ? HostState.Cordoned
            : HostState.Up;
}
