namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Counts by key; a key without a count takes no memory. Not safe for use by many threads.</summary>
internal sealed class KeyedCounts<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, int> _counts = [];

    public int Of(TKey key) => _counts.GetValueOrDefault(key);

    public void Add(TKey key, int difference)
    {
        var count = Of(key) + difference;
        if (count == 0) _counts.Remove(key);
        else _counts[key] = count;
    }
}
