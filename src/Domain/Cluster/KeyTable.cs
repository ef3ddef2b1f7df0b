namespace VmCacheCluster.Domain;

/// <summary>
/// What a key's home knows: which hosts may have a VM of which key, and from which version of the members on it knows all that was given. Not
/// the truth, which is the hosts' leases: a host that is named here is asked. For many callers at once.
/// </summary>
public sealed class KeyTable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PoolKey, List<NodeName>> _hosts = [];
    private (long Uid, long Version)? _since;
    private readonly int _least;
    private int _most;

    /// <param name="least">It is rebuilt when it has more keys than this, and than twice as many as were true when it was last.</param>
    public KeyTable(int least = 10_000) => _least = _most = least;

    /// <summary>Keys that are known.</summary>
    public int Count
    {
        get { lock (_gate) return _hosts.Count; }
    }

    /// <summary>Hosts to ask for the key's VM.</summary>
    public IReadOnlyList<NodeName> HostsOf(PoolKey key)
    {
        lock (_gate) return _hosts.TryGetValue(key, out var hosts) ? [.. hosts] : [];
    }

    /// <summary>The host is about to be asked for a VM.</summary>
    public void Add(PoolKey key, NodeName host)
    {
        lock (_gate) AddOne(key, host);
    }

    /// <summary>The host has no VM of the key, and will not have one by what was asked of it.</summary>
    public void Remove(PoolKey key, NodeName host)
    {
        lock (_gate)
        {
            if (_hosts.TryGetValue(key, out var hosts) && hosts.Remove(host) && hosts.Count == 0) _hosts.Remove(key);
        }
    }

    /// <summary>A key that is not in the table has no VM that was placed in the cluster.</summary>
    public bool KnowsAllOf(KeyView view, PoolKey key)
    {
        lock (_gate)
            return _hosts.Count <= _most && _since is { } since && since.Uid == view.Self?.Uid && KeyHomes.HasBeenHome(view, since.Version, key);
    }

    /// <summary>Every host has said what it has, each when it saw the members as they are in this view. Keys that nobody has and nobody is being asked for are forgotten.</summary>
    /// <param name="busy">Whether a call of the key is under way.</param>
    public void Learn(KeyView view, IReadOnlyDictionary<NodeName, IReadOnlyList<PoolKey>> held, Func<PoolKey, bool> busy)
    {
        lock (_gate)
        {
            foreach (var key in _hosts.Keys.Where(k => !busy(k)).ToList())
            {
                // One that did not answer as a member has not said that it has none.
                _hosts[key].RemoveAll(held.ContainsKey);
                if (_hosts[key].Count == 0) _hosts.Remove(key);
            }

            foreach (var (host, keys) in held)
                foreach (var key in keys) AddOne(key, host);
            _since = (view.Self!.Uid, view.Version);
            // Keys whose VMs have ended meanwhile are in it: it is rebuilt when there may be too many of them.
            _most = Math.Max(_least, _hosts.Count * 2);
        }
    }

    private void AddOne(PoolKey key, NodeName host)
    {
        if (!_hosts.TryGetValue(key, out var hosts)) _hosts[key] = hosts = [];
        if (!hosts.Contains(host)) hosts.Add(host);
    }
}
