using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Actors.Pools;

/// <summary>The callers of an empty pool: first come, first served, bounded, and free to leave at any time.</summary>
internal sealed class WaitingCallers(int capacity)
{
    private readonly LinkedList<AcquireFromPool> _order = new();
    private readonly Dictionary<Guid, LinkedListNode<AcquireFromPool>> _byRequest = [];

    public int Count => _order.Count;

    public bool Full => Count >= capacity;

    public AcquireFromPool? Next => _order.First?.Value;

    public void Add(AcquireFromPool caller) => _byRequest[caller.Acquire.Request] = _order.AddLast(caller);

    /// <summary>For one whose VM turned out to be unfit: it keeps its place at the head.</summary>
    public void AddFirst(AcquireFromPool caller) => _byRequest[caller.Acquire.Request] = _order.AddFirst(caller);

    public AcquireFromPool? Remove(Guid request)
    {
        if (!_byRequest.Remove(request, out var node)) return null;
        _order.Remove(node);
        return node.Value;
    }

    public IReadOnlyList<AcquireFromPool> Clear()
    {
        var all = _order.ToList();
        _order.Clear();
        _byRequest.Clear();
        return all;
    }
}
