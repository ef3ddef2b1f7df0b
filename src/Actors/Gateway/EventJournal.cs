using System.Threading.Channels;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// What happened on this host, the last of it, in one order; and who watches. Pools write to it directly: it is on the way
/// of a hand-out. A watcher that does not keep up is let go, and loses nothing that it cannot ask for again.
/// </summary>
public sealed class EventJournal(TimeProvider time, int capacity = EventJournal.DefaultCapacity)
{
    public const int DefaultCapacity = 4096;

    private readonly Lock _gate = new();
    private readonly NodeEvent[] _ring = new NodeEvent[capacity];
    private readonly List<(ChannelWriter<NodeEvent> To, PoolName? Pool)> _watchers = [];
    private ulong _last;

    /// <summary>Of this run of the daemon.</summary>
    public string Epoch { get; } = Guid.NewGuid().ToString("N");

    /// <summary>The sequence of what happened last; 0: nothing yet.</summary>
    public ulong Last
    {
        get { lock (_gate) return _last; }
    }

    public void Add(NodeEventKind kind, PoolName pool, VmView? vm, string reason)
    {
        lock (_gate)
        {
            var happened = new NodeEvent(Epoch, ++_last, time.GetUtcNow(), kind, pool, vm, Printable.OneLine(reason));
            _ring[_last % (ulong)capacity] = happened;
            _watchers.RemoveAll(watcher => !Tell(watcher.To, watcher.Pool, happened));
        }
    }

    /// <summary>Tells what happened after a sequence, and from then on what happens. False: that is not known any more.</summary>
    public bool TryWatch(PoolName? pool, string epoch, ulong after, ChannelWriter<NodeEvent> to)
    {
        lock (_gate)
        {
            if (epoch != Epoch || after > _last || _last - after > (ulong)capacity) return false;
            for (var sequence = after + 1; sequence <= _last; sequence++)
                if (!Tell(to, pool, _ring[sequence % (ulong)capacity])) return true;
            _watchers.Add((to, pool));
            return true;
        }
    }

    /// <summary>An event for one watcher alone, at a place in the order.</summary>
    public NodeEvent At(ulong sequence, NodeEventKind kind, PoolName? pool, VmView? vm)
        => new(Epoch, sequence, time.GetUtcNow(), kind, pool, vm, "");

    public void Leave(ChannelWriter<NodeEvent> watcher)
    {
        lock (_gate) _watchers.RemoveAll(w => w.To == watcher);
    }

    /// <returns>False: the watcher is gone, or is let go.</returns>
    private static bool Tell(ChannelWriter<NodeEvent> to, PoolName? pool, NodeEvent happened)
    {
        if (pool is not null && happened.Pool != pool) return true;
        if (to.TryWrite(happened)) return true;
        to.TryComplete(new WatcherTooSlowException());
        return false;
    }
}

/// <summary>A watcher did not read what it was told.</summary>
public sealed class WatcherTooSlowException() : Exception("the watcher did not keep up with what happens");
