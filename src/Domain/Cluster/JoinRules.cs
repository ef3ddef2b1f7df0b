namespace VmCacheCluster.Domain;

/// <summary>What came of knocking at one address.</summary>
public abstract record Knocked(NodeAddress At)
{
    /// <summary>A member of the cluster, which takes us.</summary>
    /// <param name="Members">How many members it sees.</param>
    public sealed record Member(NodeAddress At, string ClusterId, int Members) : Knocked(At);

    /// <summary>A node of the cluster that is in none now.</summary>
    public sealed record Alone(NodeAddress At) : Knocked(At);

    /// <summary>It does not take us.</summary>
    public sealed record Refused(NodeAddress At, string Reason) : Knocked(At);

    public sealed record Silent(NodeAddress At, string Reason) : Knocked(At);
}

/// <summary>What a node outside the cluster does next.</summary>
public abstract record JoinStep
{
    public sealed record Join(NodeAddress At) : JoinStep;

    /// <param name="ClusterId">Null: a new one.</param>
    public sealed record Form(string? ClusterId) : JoinStep;

    /// <param name="Reason">For a person: what it waits for, and what to do if that does not come.</param>
    /// <param name="OthersWait">Nodes that are in no cluster either answer: there may be one at any moment.</param>
    public sealed record Wait(string Reason, bool OthersWait) : JoinStep;
}

/// <summary>
/// How nodes come together. Forming a cluster is an explicit act, once. A former member only joins; when all have lost the cluster
/// (the power was out), the lowest of them forms it again, if it reaches more than half of those who were in it last and none of
/// these is in a cluster: no other half can do the same.
/// </summary>
public static class JoinRules
{
    public static JoinStep Decide(NodeAddress self, ClusterMemory? memory, bool bootstrap, IReadOnlyCollection<Knocked> knocked)
    {
        var others = knocked.OfType<Knocked.Alone>().Any();
        var members = knocked.OfType<Knocked.Member>().OrderByDescending(m => m.Members).ThenBy(m => m.At).ToList();
        if (members.Count > 0) return new JoinStep.Join(members[0].At);
        // A node that does not take us may be in a cluster that we would be a second one beside.
        if (knocked.OfType<Knocked.Refused>().FirstOrDefault() is { } refused) return new JoinStep.Wait($"{refused.At} does not take this node: {refused.Reason}", others);
        if (memory is not null) return Again(self, memory, knocked);
        if (bootstrap) return new JoinStep.Form(null);
        return new JoinStep.Wait(
            knocked.Count == 0
                ? "no seed is configured: name a member with --join HOST:PORT (vmcache.cluster.seeds), or form the cluster here, once, with --bootstrap"
                : $"no seed is a member of the cluster: {Told(knocked)}; form it once with --bootstrap on one node",
            others);
    }

    /// <summary>Of two islands of one cluster the smaller one gives way; of two equal ones that whose lowest member is higher.</summary>
    public static bool GivesWay(int members, NodeAddress lowest, int theirMembers, NodeAddress theirLowest)
        => theirMembers > members || (theirMembers == members && theirLowest.CompareTo(lowest) < 0);

    private static JoinStep Again(NodeAddress self, ClusterMemory memory, IReadOnlyCollection<Knocked> knocked)
    {
        var former = memory.Members.Append(self).ToHashSet();
        var here = knocked.OfType<Knocked.Alone>().Select(a => a.At).Where(former.Contains).Append(self).ToHashSet();
        if (here.Count * 2 <= former.Count)
        {
            return new JoinStep.Wait(
                $"{here.Count} of the {former.Count} members that the cluster had last are there, and none is in a cluster; more than half are needed to form it again"
                + $" ({Told(knocked.Where(k => former.Contains(k.At)))})",
                knocked.OfType<Knocked.Alone>().Any());
        }

        return here.Min() is var lowest && lowest == self
            ? new JoinStep.Form(memory.ClusterId)
            : new JoinStep.Wait($"{lowest} is about to form the cluster again", OthersWait: true);
    }

    private static string Told(IEnumerable<Knocked> knocked) => string.Join("; ", knocked.Select(k => k switch
    {
        Knocked.Silent silent => $"{k.At}: {silent.Reason}",
        Knocked.Refused refused => $"{k.At}: {refused.Reason}",
        _ => $"{k.At} is in no cluster either",
    }));
}
