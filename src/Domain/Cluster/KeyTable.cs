namespace VmCacheCluster.Domain;

/// <summary>
/// What a key's home knows: which hosts may have a VM of which key, and from which version of the members on it knows all that was given. Not the
/// truth, which is the hosts' leases: a host that is named here is asked. What a home asks has ascending numbers; what a host says counts for what
/// was asked of it before, and for nothing that was asked since. For many callers at once.
/// </summary>
/// <param name="least">With more keys than this, and than twice as many as were true when it was last tidied, it is to be tidied.</param>
/// <param name="most">With so many no new one is to be added.</param>
public sealed class KeyTable(int least = 10_000, int most = 100_000)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PoolKey, List<(NodeName Host, long Number)>> _hosts = [];
    private (long Uid, long Version)? _since;
    private int _true;

    public int Most => most;

    /// <summary>Keys that are known.</summary>
    public int Count
    {
        get { lock (_gate) return _hosts.Count; }
    }

    /// <summary>There may be much in it that is over. It answers all the same.</summary>
    public bool IsLarge
    {
        get { lock (_gate) return _hosts.Count > Math.Max(least, _true * 2) || _hosts.Count >= most; }
    }

    public bool IsFull => Count >= most;

    /// <summary>Hosts to ask for the key's VM.</summary>
    public IReadOnlyList<NodeName> HostsOf(PoolKey key)
    {
        lock (_gate) return _hosts.TryGetValue(key, out var hosts) ? [.. hosts.Select(h => h.Host)] : [];
    }

    /// <summary>The host is about to be asked for a VM.</summary>
    /// <param name="number">Of the question.</param>
    public void Add(PoolKey key, NodeName host, long number)
    {
        lock (_gate) AddOne(key, host, number);
    }

    /// <summary>The host has no VM of the key, and will not have one by what was asked of it.</summary>
    public void Remove(PoolKey key, NodeName host)
    {
        lock (_gate)
        {
            if (_hosts.TryGetValue(key, out var hosts) && hosts.RemoveAll(h => h.Host == host) > 0 && hosts.Count == 0) _hosts.Remove(key);
        }
    }

    /// <summary>A key that is not in the table has no VM that was placed in the cluster.</summary>
    public bool KnowsAllOf(KeyView view, PoolKey key)
    {
        lock (_gate) return _since is { } since && since.Uid == view.Self?.Uid && KeyHomes.HasBeenHome(view, since.Version, key);
    }

    /// <summary>Every host has said what it has, each when it saw the members as they are in this view.</summary>
    /// <param name="number">Of the question.</param>
    public void Learn(KeyView view, IReadOnlyDictionary<NodeName, IReadOnlyList<PoolKey>> held, long number)
    {
        lock (_gate)
        {
            Take(view, held, number);
            _since = (view.Self!.Uid, view.Version);
        }
    }

    /// <summary>Some hosts have said what they have. What the others may have stays.</summary>
    /// <param name="number">Of the question.</param>
    public void Tidy(KeyView view, IReadOnlyDictionary<NodeName, IReadOnlyList<PoolKey>> held, long number)
    {
        lock (_gate) Take(view, held, number);
    }

    private void Take(KeyView view, IReadOnlyDictionary<NodeName, IReadOnlyList<PoolKey>> held, long number)
    {
        foreach (var (key, hosts) in _hosts)
        {
            hosts.RemoveAll(h => h.Number < number && (held.ContainsKey(h.Host) || IsNobody(view, h.Host)));
            if (hosts.Count == 0) _hosts.Remove(key);
        }

        foreach (var (host, keys) in held)
            foreach (var key in keys) AddOne(key, host, number);
        _true = _hosts.Count;
    }

    /// <summary>A member that has not said its name may be anybody.</summary>
    private static bool IsNobody(KeyView view, NodeName host) => view.Unnamed.Count == 0 && KeyHomes.Ask(view, host) is KeyAnswer.Nobody;

    private void AddOne(PoolKey key, NodeName host, long number)
    {
        if (!_hosts.TryGetValue(key, out var hosts)) _hosts[key] = hosts = [];
        var at = hosts.FindIndex(h => h.Host == host);
        if (at < 0) hosts.Add((host, number));
        else if (hosts[at].Number < number) hosts[at] = (host, number);
    }
}
