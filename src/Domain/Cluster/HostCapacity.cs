namespace VmCacheCluster.Domain;

/// <summary>Whether a host makes and gives VMs.</summary>
public enum HostState
{
    Up,
    /// <summary>Makes no new warm VMs and gives none to other hosts.</summary>
    Cordoned,
    /// <summary>Gives its warm VMs up too.</summary>
    Draining,
}

/// <summary>What a host has of one pool.</summary>
/// <param name="RefillTime">What making one VM took lately; zero: not known yet.</param>
/// <param name="Revision">Of the pool's configuration: equal revisions give interchangeable VMs.</param>
public sealed record PoolCapacity(PoolName Pool, int Warm, int Warming, int Leased, int Target, int Waiting, TimeSpan RefillTime, string Revision)
{
    /// <summary>The target is the host's share of a total.</summary>
    public bool Shared { get; init; }

    /// <summary>The most VMs that the host has the memory for, those it has included.</summary>
    public int Room { get; init; }

    /// <summary>Callers a minute, lately.</summary>
    public double Demand { get; init; }
}

/// <summary>What a host has, as it says itself.</summary>
/// <param name="Peer">Where it serves the other nodes.</param>
/// <param name="Gateway">Where everybody gets its vmcache.v1 on TCP; null: nowhere.</param>
/// <param name="MemoryBytes">What VMs may still take of its memory.</param>
/// <param name="Sequence">Grows with each report of one run of the daemon.</param>
public sealed record HostCapacity(
    NodeName Node, NodeAddress Peer, NodeAddress? Gateway, string Version, HostState State, long MemoryBytes, IReadOnlyDictionary<string, string> Labels,
    IReadOnlyList<PoolCapacity> Pools, long Sequence)
{
    /// <summary>Of the pools that were applied, as it knows them (<see cref="PoolDefinition.Digest"/>); 0: it knows none.</summary>
    public ulong PoolsKnown { get; init; }

    /// <summary>Of the templates that it gives to others (<see cref="TemplateHolders.Hint"/>), in ascending order.</summary>
    public IReadOnlyList<ulong> Templates { get; init; } = [];

    public PoolCapacity? Of(PoolName pool) => Pools.FirstOrDefault(p => p.Pool == pool);
}
