using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Each pool's answer to Kata's Config, computed once: a pool that cannot boot answers too.</summary>
public sealed class KataConfigs(NodeOptions options, IReadOnlyDictionary<PoolName, KataServed> kata)
{
    private readonly Dictionary<PoolName, GrpcVMConfig> _configs =
        options.Pools.ToDictionary(p => p.Name, p => kata.TryGetValue(p.Name, out var served)
            ? served.Vm.ToGrpc(served.Target)
            : PoolVmConfig.Of(p, options.ClientDirectory).ToGrpc());

    public GrpcVMConfig Of(PoolName pool) => _configs[pool];
}
