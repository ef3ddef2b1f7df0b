using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>This host's pools, now.</summary>
/// <param name="pools">At the daemon's start.</param>
/// <param name="kata">What those with a Kata configuration serve.</param>
public sealed class HostPools(IReadOnlyList<PoolOptions> pools, IReadOnlyDictionary<PoolName, KataServed> kata)
{
    private volatile IReadOnlyList<PoolOptions> _now = pools;

    public IReadOnlyList<PoolOptions> Now
    {
        get => _now;
        internal set => _now = value;
    }

    public IReadOnlyDictionary<PoolName, KataServed> Kata { get; } = kata;

    public PoolOptions? Find(PoolName pool) => _now.FirstOrDefault(p => p.Name == pool);
}
