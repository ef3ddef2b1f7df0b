using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster.Wire;

/// <summary>A host's capacity as nodes tell it each other.</summary>
public static class Reports
{
    /// <summary>Of anything that is counted: no host has as many, and the sum over all hosts of a cluster is still a number.</summary>
    private const int Most = 1_000_000;

    public static HostReport Write(HostCapacity host)
    {
        var report = new HostReport
        {
            Node = host.Node.Value,
            Peer = host.Peer.ToString(),
            Gateway = host.Gateway?.ToString() ?? "",
            Version = host.Version,
            Condition = host.State switch
            {
                HostState.Cordoned => HostCondition.Cordoned,
                HostState.Draining => HostCondition.Draining,
                _ => HostCondition.Up,
            },
            MemoryBytes = host.MemoryBytes,
            Sequence = host.Sequence,
            PoolsKnown = host.PoolsKnown,
        };
        report.Templates.AddRange(host.Templates);
        foreach (var (key, value) in host.Labels) report.Labels.Add(key, value);
        report.Pools.AddRange(host.Pools.Select(p => new PoolReport
        {
            Pool = p.Pool.Value,
            Warm = p.Warm,
            Warming = p.Warming,
            Leased = p.Leased,
            Target = p.Target,
            Waiting = p.Waiting,
            RefillMilliseconds = (int)p.RefillTime.TotalMilliseconds,
            Revision = p.Revision,
            Shared = p.Shared,
            Room = p.Room,
            CallersPerMinute = p.Demand,
        }));
        return report;
    }

    /// <returns>Null: it makes no sense.</returns>
    public static HostCapacity? Read(HostReport report)
    {
        if (!NodeName.TryParse(report.Node, out var node) || !NodeAddress.TryParse(report.Peer, out var peer)) return null;
        List<PoolCapacity> pools = [];
        foreach (var p in report.Pools)
        {
            if (!PoolName.TryParse(p.Pool, out var pool)) continue;
            pools.Add(new PoolCapacity(
                pool, Count(p.Warm), Count(p.Warming), Count(p.Leased), Count(p.Target), Count(p.Waiting),
                TimeSpan.FromMilliseconds(Math.Max(0, p.RefillMilliseconds)), p.Revision)
            {
                Shared = p.Shared,
                Room = Count(p.Room),
                // NaN would spoil the shares of all hosts.
                Demand = double.IsNaN(p.CallersPerMinute) ? 0 : Math.Clamp(p.CallersPerMinute, 0, Most),
            });
        }

        return new HostCapacity(
            node, peer, NodeAddress.TryParse(report.Gateway, out var gateway) ? gateway : null, report.Version,
            report.Condition switch
            {
                HostCondition.Up => HostState.Up,
                HostCondition.Cordoned => HostState.Cordoned,
                // A state that this node does not know is one in which it is left alone.
                _ => HostState.Draining,
            },
            Math.Max(0, report.MemoryBytes), report.Labels.ToDictionary(), pools, report.Sequence)
        {
            PoolsKnown = report.PoolsKnown,
            Templates = [.. report.Templates],
        };
    }

    private static int Count(int told) => Math.Clamp(told, 0, Most);
}
