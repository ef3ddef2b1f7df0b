namespace VmCacheCluster.Domain;

/// <summary>
/// What a host remembers of those who have VMs given for keys, so that nothing which was asked of it before it said "there is none" is done
/// afterwards. A home numbers what it asks in ascending order. For many callers at once.
/// </summary>
public sealed class KeyFence(int most = 10_000)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PoolKey, int> _running = [];
    private readonly Dictionary<PoolKey, (long Uid, long Number)> _looked = [];
    private readonly Queue<PoolKey> _order = new();
    private readonly Dictionary<long, long> _told = [];
    private readonly Queue<long> _homes = new();

    /// <summary>A VM is to be given; <see cref="Leave"/> follows.</summary>
    /// <returns>False: it was asked for before the host was asked what it has, and comes too late.</returns>
    public bool Enter(PoolKey key, long uid, long number)
    {
        lock (_gate)
        {
            if (_looked.TryGetValue(key, out var looked) && looked.Uid == uid && number < looked.Number) return false;
            if (_told.TryGetValue(uid, out var told) && number < told) return false;
            _running[key] = _running.GetValueOrDefault(key) + 1;
            return true;
        }
    }

    public void Leave(PoolKey key)
    {
        lock (_gate)
        {
            if (--_running[key] == 0) _running.Remove(key);
        }
    }

    /// <summary>The home asks whether the host has a VM of the key.</summary>
    /// <returns>True: one is being given.</returns>
    public bool Look(PoolKey key, long uid, long number)
    {
        lock (_gate)
        {
            if (!_looked.ContainsKey(key)) _order.Enqueue(key);
            // Looks may overtake each other on their way.
            _looked[key] = _looked.TryGetValue(key, out var known) && known.Uid == uid ? (uid, Math.Max(known.Number, number)) : (uid, number);
            if (_order.Count > most) _looked.Remove(_order.Dequeue());
            return _running.ContainsKey(key);
        }
    }

    /// <summary>A home asks for all keys of which the host has VMs.</summary>
    /// <returns>Those of which one is being given.</returns>
    public IReadOnlyList<PoolKey> LookAtAll(long uid, long number)
    {
        lock (_gate)
        {
            if (!_told.ContainsKey(uid)) _homes.Enqueue(uid);
            _told[uid] = Math.Max(number, _told.GetValueOrDefault(uid));
            if (_homes.Count > most) _told.Remove(_homes.Dequeue());
            return [.. _running.Keys];
        }
    }
}
