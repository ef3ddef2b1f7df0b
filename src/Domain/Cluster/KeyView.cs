namespace VmCacheCluster.Domain;

/// <summary>An idempotency key of a pool's leases.</summary>
public readonly record struct PoolKey(PoolName Pool, string Key);

/// <summary>A member of the cluster, as far as keys are concerned.</summary>
/// <param name="Uid">Of this run of its part in the cluster: a node that comes back has another one.</param>
/// <param name="Full">Keys have their homes on full members.</param>
/// <param name="Peer">Null: not known yet.</param>
public sealed record KeyMember(NodeName Node, long Uid, bool Full, bool Reachable, NodeAddress? Peer)
{
    internal ulong Seed { get; } = KeyHomes.Hash(Node.Value);
}

/// <summary>The members of the cluster, as one node sees them at one moment.</summary>
/// <param name="Self">Null: this node is in no cluster.</param>
/// <param name="Standing">Why it is not, for a person.</param>
/// <param name="Members">This node too; the unnamed count as not reached.</param>
/// <param name="Unnamed">Addresses of members that have not said their names.</param>
/// <param name="Version">Grows with every change of the full members.</param>
/// <param name="WasFull">Nodes that were full members and are not: the version at which each last was.</param>
/// <param name="Floor">Nothing is known of versions below.</param>
/// <param name="Gone">Nodes that were members less than <see cref="KeyHomes.Away"/> ago.</param>
public sealed record KeyView(
    KeyMember? Self, string Standing, IReadOnlyList<KeyMember> Members, IReadOnlyList<string> Unnamed,
    long Version, IReadOnlyDictionary<NodeName, long> WasFull, long Floor, IReadOnlyList<NodeName> Gone)
{
    public static KeyView Outside(string standing) => new(null, standing, [], [], 0, new Dictionary<NodeName, long>(), 0, []);

    public KeyMember? Of(NodeName node) => Members.FirstOrDefault(m => m.Node == node);
}
