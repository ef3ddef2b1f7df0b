using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Actors.Pools;

/// <summary>The callers of an empty pool: first come, first served, bounded, and free to leave at any time.</summary>
internal sealed class WaitingCallers(int capacity)
{
    private readonly LinkedList<AcquireBaseVm> _order = new();
    private readonly Dictionary<AcquireTicket, LinkedListNode<AcquireBaseVm>> _byTicket = [];

    public int Count => _order.Count;

    public bool Full => Count >= capacity;

    public AcquireBaseVm? Next => _order.First?.Value;

    public void Add(AcquireBaseVm caller) => _byTicket[caller.Ticket] = _order.AddLast(caller);

    /// <summary>For one whose VM turned out to be unfit: it keeps its place at the head.</summary>
    public void AddFirst(AcquireBaseVm caller) => _byTicket[caller.Ticket] = _order.AddFirst(caller);

    public AcquireBaseVm? Remove(AcquireTicket ticket)
    {
        if (!_byTicket.Remove(ticket, out var node)) return null;
        _order.Remove(node);
        return node.Value;
    }

    public IReadOnlyList<AcquireBaseVm> Clear()
    {
        var all = _order.ToList();
        _order.Clear();
        _byTicket.Clear();
        return all;
    }
}
