namespace VmCacheCluster.Domain;

/// <summary>What a host remembers of its cluster across restarts.</summary>
/// <param name="ClusterId">Made when the cluster was formed: two clusters of one name are told apart by it.</param>
/// <param name="Members">All members when they were last seen together, this host among them.</param>
public sealed record ClusterMemory(string ClusterName, string ClusterId, IReadOnlyList<NodeAddress> Members)
{
    /// <summary>VMs of a host that has left go on as long as their leases, and are to be found by its name when it is back. The names of so many are kept.</summary>
    public const int MostFormer = 4096;

    /// <summary>Of the members.</summary>
    public IReadOnlyList<NodeName> Names { get; init; } = [];

    /// <summary>Of hosts that were members, the latest last.</summary>
    public IReadOnlyList<NodeName> Former { get; init; } = [];

    /// <summary>The former members, when these are the members.</summary>
    public IReadOnlyList<NodeName> FormerBeside(IReadOnlyCollection<NodeName> members)
        => [.. Former.Concat(Names).Except(members).TakeLast(MostFormer)];

    public bool SameAs(ClusterMemory other) => ClusterName == other.ClusterName && ClusterId == other.ClusterId
        && Members.SequenceEqual(other.Members) && Names.SequenceEqual(other.Names) && Former.SequenceEqual(other.Former);
}
