namespace VmCacheCluster.Domain;

/// <summary>Where a VM may be given.</summary>
public enum Placement
{
    /// <summary>On the host that is asked.</summary>
    Local,
    /// <summary>There if one is warm; else where one is; else there, made for the caller.</summary>
    PreferLocal,
    /// <summary>As above, but if none is warm it is made on the host that has the most to make it with.</summary>
    Any,
}

/// <summary>
/// Which host to ask for a VM: filter, sample, take the best. The choice is a guess from reports that may be old; the host decides.
/// </summary>
public static class PlacementRules
{
    /// <summary>Of so many hosts picked at random the best is asked: enough to spread callers, so that not all meet at one host.</summary>
    public const int Sample = 3;

    /// <summary>A host to ask for a warm VM; null: no host is known to have one.</summary>
    /// <param name="hosts">What the other hosts report, less what was promised of it since.</param>
    /// <param name="affinity">Labels that the host must have.</param>
    /// <param name="tried">Hosts that are out of the question.</param>
    /// <param name="random">In [0, 1).</param>
    public static HostCapacity? ChooseWarm(
        IEnumerable<HostCapacity> hosts, PoolName pool, IReadOnlyDictionary<string, string> affinity, IReadOnlySet<NodeName> tried, Func<double> random)
        => Best(
            Eligible(hosts, pool, affinity, tried).Where(h => h.Of(pool)!.Warm > 0).ToList(),
            static (one, other, pool) => one.Of(pool)!.Warm.CompareTo(other.Of(pool)!.Warm), pool, random);

    /// <summary>A host to make a VM; null: none has the pool and takes VMs.</summary>
    public static HostCapacity? ChooseToMake(
        IEnumerable<HostCapacity> hosts, PoolName pool, IReadOnlyDictionary<string, string> affinity, IReadOnlySet<NodeName> tried, Func<double> random)
        => Best(
            Eligible(hosts, pool, affinity, tried).ToList(), static (one, other, pool) => CompareToMake(one, one.Of(pool)!, other, other.Of(pool)!), pool, random);

    /// <summary>Hosts with this pool for a scheduler that places by itself, the best first.</summary>
    public static IReadOnlyList<HostCapacity> Ranked(
        IEnumerable<HostCapacity> hosts, PoolName pool, IReadOnlyDictionary<string, string> affinity, int count)
        =>
        [
            .. Eligible(hosts, pool, affinity, new HashSet<NodeName>())
                .OrderByDescending(h => h.Of(pool)!.Warm)
                .ThenByDescending(h => h.MemoryBytes)
                .ThenBy(h => h.Node.Value, StringComparer.Ordinal)
                .Take(count),
        ];

    private static IEnumerable<HostCapacity> Eligible(
        IEnumerable<HostCapacity> hosts, PoolName pool, IReadOnlyDictionary<string, string> affinity, IReadOnlySet<NodeName> tried)
        => hosts.Where(h => h.State == HostState.Up && h.Of(pool) is not null && !tried.Contains(h.Node)
            && affinity.All(wanted => h.Labels.TryGetValue(wanted.Key, out var has) && has == wanted.Value));

    /// <summary>Where a VM is sooner to be had: more are warm, then fewer wait already, then there is more memory.</summary>
    /// <param name="a">What the one has of the pool.</param>
    /// <param name="b">What the other has of it.</param>
    public static int CompareToMake(HostCapacity one, PoolCapacity a, HostCapacity other, PoolCapacity b)
        => a.Warm != b.Warm ? a.Warm.CompareTo(b.Warm)
            : a.Waiting != b.Waiting ? b.Waiting.CompareTo(a.Waiting)
            : one.MemoryBytes.CompareTo(other.MemoryBytes);

    private static HostCapacity? Best(
        List<HostCapacity> hosts, Func<HostCapacity, HostCapacity, PoolName, int> compare, PoolName pool, Func<double> random)
    {
        HostCapacity? best = null;
        for (var picked = 0; picked < Sample && hosts.Count > 0; picked++)
        {
            var at = Math.Min(hosts.Count - 1, (int)(random() * hosts.Count));
            if (best is null || compare(hosts[at], best, pool) > 0) best = hosts[at];
            (hosts[at], hosts[^1]) = (hosts[^1], hosts[at]);
            hosts.RemoveAt(hosts.Count - 1);
        }

        return best;
    }
}
