using Akka.Actor;
using VmCacheCluster.Actors.Gateway;

namespace VmCacheCluster.Actors.Pools;

/// <summary>The wait of a caller in the queue is over.</summary>
internal sealed record WaitOver(AcquireTicket Ticket);

/// <summary>
/// The callers of an empty pool: first come, first served, bounded, each no longer than it can wait, and free to leave at
/// any time.
/// </summary>
internal sealed class WaitingCallers(int capacity, Func<ITimerScheduler> timers, TimeProvider time)
{
    private readonly LinkedList<AcquireBaseVm> _order = new();
    private readonly Dictionary<AcquireTicket, (LinkedListNode<AcquireBaseVm> Node, long Since)> _byTicket = [];

    public int Count => _order.Count;

    public bool Full => Count >= capacity;

    public AcquireBaseVm? Next => _order.First?.Value;

    public void Add(AcquireBaseVm caller) => Start(caller, _order.AddLast(caller));

    /// <summary>For one whose VM turned out to be unfit: it keeps its place at the head.</summary>
    public void AddFirst(AcquireBaseVm caller) => Start(caller, _order.AddFirst(caller));

    /// <summary>The caller, with what is left of its wait; null when it does not wait here.</summary>
    public AcquireBaseVm? Remove(AcquireTicket ticket)
    {
        if (!_byTicket.Remove(ticket, out var entry)) return null;
        _order.Remove(entry.Node);
        timers().Cancel(ticket);
        var left = entry.Node.Value.Wait - time.GetElapsedTime(entry.Since);
        return entry.Node.Value with { Wait = left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1) };
    }

    public IReadOnlyList<AcquireBaseVm> Clear() => [.. _order.Select(c => c.Ticket).ToList().Select(t => Remove(t)!)];

    private void Start(AcquireBaseVm caller, LinkedListNode<AcquireBaseVm> node)
    {
        _byTicket[caller.Ticket] = (node, time.GetTimestamp());
        timers().StartSingleTimer(caller.Ticket, new WaitOver(caller.Ticket), caller.Wait);
    }
}
