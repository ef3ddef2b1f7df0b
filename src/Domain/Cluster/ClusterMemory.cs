namespace VmCacheCluster.Domain;

/// <summary>What a host remembers of its cluster across restarts.</summary>
/// <param name="ClusterId">Made when the cluster was formed: two clusters of one name are told apart by it.</param>
/// <param name="Members">All members when they were last seen together, this host among them.</param>
public sealed record ClusterMemory(string ClusterName, string ClusterId, IReadOnlyList<NodeAddress> Members);
