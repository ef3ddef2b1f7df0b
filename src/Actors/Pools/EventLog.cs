using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A pool's last few events, oldest first; equal ones in a row, whichever VM they befell, are counted.</summary>
public sealed class EventLog(TimeProvider time, int capacity = 20)
{
    private readonly LinkedList<PoolEvent> _events = new();

    public IReadOnlyList<PoolEvent> Snapshot() => [.. _events];

    public void Add(VmId? vm, string what)
    {
        var now = time.GetUtcNow();
        if (_events.Last is { Value: var last } node && last.What == what)
        {
            node.Value = last with { At = now, Times = last.Times + 1, Vm = vm };
            return;
        }

        _events.AddLast(new PoolEvent(now, vm, what));
        if (_events.Count > capacity) _events.RemoveFirst();
    }
}
