namespace VmCacheCluster.Domain;

/// <summary>What a VM counts as in its pool.</summary>
public enum Standing
{
    /// <summary>Handed out, promised, or ending: of no account.</summary>
    None,
    Making,
    /// <summary>Warm, and as the pool wants it.</summary>
    Fresh,
    /// <summary>Warm, but older than max-age, or made with another accelerator than the pool's.</summary>
    Outdated,
}

/// <summary>
/// A pool's VMs by standing, each standing in the order in which they came to it. Every operation takes constant time: an
/// acquire must not be slower in a large pool.
/// </summary>
public sealed class PoolLedger
{
    private readonly Dictionary<VmId, LinkedListNode<VmId>> _nodes = [];
    private readonly Dictionary<VmId, Standing> _standings = [];
    private readonly LinkedList<VmId> _making = new();
    private readonly LinkedList<VmId> _fresh = new();
    private readonly LinkedList<VmId> _outdated = new();

    public int Making => _making.Count;

    public int Fresh => _fresh.Count;

    public int Outdated => _outdated.Count;

    public void Set(VmId id, Standing standing)
    {
        var before = _standings.GetValueOrDefault(id);
        if (before == standing) return;
        if (_nodes.Remove(id, out var node)) node.List!.Remove(node);
        if (standing == Standing.None)
        {
            _standings.Remove(id);
            return;
        }

        _standings[id] = standing;
        _nodes[id] = ListOf(standing).AddLast(id);
    }

    /// <summary>The VM to hand out next: the longest warm fresh one, else an outdated one. Null when none is warm.</summary>
    public VmId? Next() => (_fresh.First ?? _outdated.First)?.Value;

    /// <summary>The VMs to give up when there are too many: outdated ones first, then the longest warm.</summary>
    public IReadOnlyList<VmId> Surplus(int count) => [.. _outdated.Concat(_fresh).Take(count)];

    private LinkedList<VmId> ListOf(Standing standing) => standing switch
    {
        Standing.Making => _making,
        Standing.Fresh => _fresh,
        _ => _outdated,
    };
}
