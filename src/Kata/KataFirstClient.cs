namespace VmCacheCluster.Kata;

/// <summary>A client of Kata 1.x. The two make different things of one configuration.toml.</summary>
public enum KataFirstClient
{
    /// <summary>kata-runtime, with a kata-proxy for each VM.</summary>
    Runtime,

    /// <summary>containerd-shim-kata-v2, with the proxy built in: it reads neither [proxy.kata] nor [agent.kata].</summary>
    Shim,
}
