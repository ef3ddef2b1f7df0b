using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Each pool's answer to Kata's Config, computed once for each shape of its VMs: a pool that cannot boot answers too.</summary>
public sealed class KataConfigs(NodeOptions options, HostPools pools)
{
    private volatile IReadOnlyList<PoolOptions>? _of;
    private Dictionary<PoolName, GrpcVMConfig> _configs = [];

    public GrpcVMConfig Of(PoolName pool)
    {
        var now = pools.Now;
        if (!ReferenceEquals(now, _of))
        {
            _configs = now.ToDictionary(p => p.Name, Make);
            _of = now;
        }

        return _configs[pool];
    }

    /// <summary>Whose the pool's clients are.</summary>
    public KataTarget TargetOf(PoolName pool) => pools.Kata.TryGetValue(pool, out var served) ? served.Target : KataTarget.Union;

    private GrpcVMConfig Make(PoolOptions pool)
        => pools.Kata.TryGetValue(pool.Name, out var served) ? served.Vm.ToGrpc(served.Target) : PoolVmConfig.Of(pool, options.ClientDirectory).ToGrpc();
}
