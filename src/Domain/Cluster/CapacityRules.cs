namespace VmCacheCluster.Domain;

/// <summary>What a host does with its share of a total.</summary>
public enum ShareStanding
{
    /// <summary>It takes more or less of it.</summary>
    Taking,
    /// <summary>It cannot be told anything now, and keeps what it has.</summary>
    Keeping,
    /// <summary>It is to have none: it is cordoned or drained.</summary>
    Leaving,
}

/// <summary>A host that keeps a share of a pool's total warm.</summary>
/// <param name="Share">What it was given.</param>
/// <param name="Warm">What it has.</param>
/// <param name="Room">The most VMs that it has the memory for, those it has included.</param>
/// <param name="Demand">Callers a minute.</param>
public sealed record Shareholder(NodeName Node, ShareStanding Standing, int Share, int Warm, int Room, double Demand);

/// <summary>
/// How a total of warm VMs is shared out over hosts: one half evenly, so that every host has some, the other half by demand; none gets more than it
/// has the memory for. Small differences are left alone, so that VMs are not made here and given up there for nothing.
/// </summary>
public static class CapacityRules
{
    /// <summary>A difference is small up to so much of a share, and so much of one VM.</summary>
    private const double Slack = 0.1, SlackOfOne = 0.6;

    /// <summary>A VM that could as well be here as there stays where it is.</summary>
    private const double Stickiness = 0.5;

    /// <summary>The shares that are to be in the end.</summary>
    public static IReadOnlyDictionary<NodeName, int> Deal(int total, IReadOnlyCollection<Shareholder> hosts)
    {
        var shares = hosts.ToDictionary(h => h.Node, h => h.Standing == ShareStanding.Leaving ? 0 : h.Share);
        var left = Math.Max(0, total - hosts.Where(h => h.Standing == ShareStanding.Keeping).Sum(h => h.Share));
        var taking = hosts.Where(h => h.Standing == ShareStanding.Taking).OrderBy(h => h.Node.Value, StringComparer.Ordinal).ToList();
        var ideal = Ideal(left, taking);
        var still = taking.Sum(h => h.Share) == left
            && taking.All(h => h.Share <= h.Room && Math.Abs(ideal[h.Node] - h.Share) <= SlackOfOne + (Slack * h.Share));
        if (!still) foreach (var (node, share) in Whole(left, taking, ideal)) shares[node] = share;
        return shares;
    }

    /// <summary>
    /// The shares that hosts are told now, on the way to <paramref name="deal"/>: who gets more gets it at once; who gets less gives up so many as
    /// the others have made.
    /// </summary>
    public static IReadOnlyDictionary<NodeName, int> Step(IReadOnlyDictionary<NodeName, int> deal, IReadOnlyCollection<Shareholder> hosts)
    {
        var next = hosts.ToDictionary(h => h.Node, h => Math.Max(h.Share, deal[h.Node]));
        var missing = hosts.Where(h => deal[h.Node] > h.Share || (deal[h.Node] == h.Share && h.Standing == ShareStanding.Taking)).Sum(h => Math.Max(0, deal[h.Node] - h.Warm));
        var shrinking = hosts.Where(h => deal[h.Node] < h.Share).OrderBy(h => h.Node.Value, StringComparer.Ordinal).ToList();
        var mayGo = Math.Max(0, shrinking.Sum(h => h.Share - deal[h.Node]) - missing);
        foreach (var host in shrinking)
        {
            var goes = Math.Min(mayGo, host.Share - deal[host.Node]);
            next[host.Node] = host.Share - goes;
            mayGo -= goes;
        }

        return next;
    }

    /// <summary>In parts of a VM. Who has no room for its part leaves the rest to the others.</summary>
    private static Dictionary<NodeName, double> Ideal(int total, List<Shareholder> taking)
    {
        Dictionary<NodeName, double> ideal = [];
        var open = taking.ToList();
        double left = total;
        while (open.Count > 0)
        {
            var demand = open.Sum(h => h.Demand);
            var full = open.Where(h => left * Weight(h, open.Count, demand) > h.Room).ToList();
            foreach (var host in full.Count > 0 ? full : open) ideal[host.Node] = full.Count > 0 ? host.Room : left * Weight(host, open.Count, demand);
            if (full.Count == 0) break;
            left = Math.Max(0, left - full.Sum(h => h.Room));
            open = [.. open.Except(full)];
        }

        return ideal;
    }

    private static double Weight(Shareholder host, int hosts, double demand) => demand <= 0 ? 1.0 / hosts : (0.5 / hosts) + (0.5 * host.Demand / demand);

    /// <summary>By largest remainder.</summary>
    private static Dictionary<NodeName, int> Whole(int total, List<Shareholder> taking, Dictionary<NodeName, double> ideal)
    {
        var whole = taking.ToDictionary(h => h.Node, h => (int)Math.Floor(ideal[h.Node]));
        var left = total - whole.Values.Sum();
        var next = taking.Where(h => whole[h.Node] < h.Room)
            .OrderByDescending(h => ideal[h.Node] - whole[h.Node] + (h.Share > whole[h.Node] ? Stickiness : 0))
            .ThenBy(h => h.Node.Value, StringComparer.Ordinal);
        foreach (var host in next.Take(left)) whole[host.Node]++;
        return whole;
    }
}
