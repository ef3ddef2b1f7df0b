using System.Collections.Concurrent;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Where idempotency keys went that came by this node. The host of the VM knows for itself whether the key still holds.</summary>
internal sealed class PlacedKeys(TimeProvider time)
{
    private const int Most = 10_000;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(30);

    private readonly ConcurrentDictionary<string, (VmId Id, DateTimeOffset At)> _keys = new();

    public VmId? Find(string key) => _keys.TryGetValue(key, out var placed) && time.GetUtcNow() - placed.At < Kept ? placed.Id : null;

    public void Keep(string key, VmId id)
    {
        var now = time.GetUtcNow();
        _keys[key] = (id, now);
        if (_keys.Count <= Most) return;
        foreach (var (old, placed) in _keys)
            if (now - placed.At >= Kept || _keys.Count > Most) _keys.TryRemove(old, out _);
    }
}
