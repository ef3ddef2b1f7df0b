using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Verbs;

/// <summary>What the drain of a host still waits for, from what the cluster says of itself.</summary>
internal static class DrainProgress
{
    /// <summary>The shares of totals that the other hosts have not taken over yet. They take them as soon as they have made the VMs.</summary>
    /// <returns>Null: none, or there is nobody to take them.</returns>
    internal static string? Shares(ClusterStatus cluster, string node)
    {
        if (!cluster.Hosts.Any(h => h.Node != node && h.State == HostState.Up)) return null;
        return Told(cluster, node, p => p.Shared ? p.Target : 0) is { } pools ? $"waiting for other hosts to make {node}'s share of {pools}" : null;
    }

    /// <returns>Null: none of the host's VMs is leased.</returns>
    internal static string? Leases(ClusterStatus cluster, string node)
    {
        var host = cluster.Hosts.FirstOrDefault(h => h.Node == node);
        return host is null or { State: HostState.Unreachable } ? $"{node} is not reached now; waiting for it"
            : Told(cluster, node, p => p.Leased) is { } pools ? $"waiting for VMs of {node} that are leased: {pools}" : null;
    }

    private static string? Told(ClusterStatus cluster, string node, Func<HostPool, uint> count)
    {
        var pools = cluster.Hosts.Where(h => h.Node == node).SelectMany(h => h.Pools).Select(p => (p.Pool, Count: count(p))).Where(p => p.Count > 0).ToList();
        return pools.Count == 0 ? null : string.Join(", ", pools.Select(p => $"{p.Pool} ({p.Count})"));
    }
}
