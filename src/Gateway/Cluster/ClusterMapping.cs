using Akka.Cluster;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using Host = VmCacheCluster.Contracts.V1.Host;
using HostState = VmCacheCluster.Contracts.V1.HostState;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Hosts, as vmcache.v1 says them.</summary>
internal static class ClusterMapping
{
    public static Host ToHost(MemberSeen seen)
    {
        var host = seen.Capacity is { } capacity ? ToHost(capacity) : new Host { Node = seen.Name?.Value ?? "" };
        host.Address = $"{seen.Member.Address.Host}:{seen.Member.Address.Port}";
        host.State = !seen.Reachable ? HostState.Unreachable : seen.Status switch
        {
            MemberStatus.Joining => HostState.Joining,
            MemberStatus.Leaving or MemberStatus.Exiting or MemberStatus.Down => HostState.Leaving,
            _ => host.State,
        };
        return host;
    }

    public static Host ToHost(HostCapacity capacity)
    {
        var host = new Host
        {
            Node = capacity.Node.Value,
            Gateway = capacity.Gateway?.ToString() ?? "",
            Version = capacity.Version,
            MemoryMib = (ulong)(capacity.MemoryBytes >> 20),
            State = capacity.State switch
            {
                Domain.HostState.Cordoned => HostState.Cordoned,
                Domain.HostState.Draining => HostState.Draining,
                _ => HostState.Up,
            },
        };
        foreach (var (key, value) in capacity.Labels) host.Labels.Add(key, value);
        host.Pools.AddRange(capacity.Pools.Select(ToPool));
        return host;
    }

    private static HostPool ToPool(PoolCapacity pool)
    {
        var told = new HostPool
        {
            Pool = pool.Pool.Value,
            Warm = (uint)pool.Warm,
            Warming = (uint)pool.Warming,
            Leased = (uint)pool.Leased,
            Target = (uint)pool.Target,
            Waiting = (uint)pool.Waiting,
            Revision = pool.Revision,
            Shared = pool.Shared,
        };
        if (pool.RefillTime > TimeSpan.Zero) told.RefillTime = Duration.FromTimeSpan(pool.RefillTime);
        return told;
    }
}
