namespace VmCacheCluster.Kata;

/// <summary>What a configuration of Kata 1.x has beside what later ones have too.</summary>
public sealed record KataFirst
{
    /// <summary>Whose it is.</summary>
    public KataFirstClient Client { get; init; } = KataFirstClient.Shim;

    /// <summary>"kata" or "hyperstart".</summary>
    public string AgentType { get; init; } = "kata";

    /// <summary>"kataProxy", "kataBuiltInProxy" or "noProxy".</summary>
    public string ProxyType { get; init; } = KataProxyTypes.BuiltIn;

    /// <summary>Absolute path of kata-proxy; empty: none.</summary>
    public string ProxyPath { get; init; } = "";

    public bool ProxyDebug { get; init; }

    public bool UseVsock { get; init; }

    public bool HotplugVfioOnRootBus { get; init; }

    /// <summary>The guest's memory may be swapped out.</summary>
    public bool Swap { get; init; }

    /// <summary>"dynamic", "static" or empty.</summary>
    public string TraceMode { get; init; } = "";

    /// <summary>"isolated", "collated" or empty.</summary>
    public string TraceType { get; init; } = "";
}

/// <summary>Who multiplexes the connections to a guest's agent.</summary>
public static class KataProxyTypes
{
    /// <summary>A process for each VM.</summary>
    public const string Kata = "kataProxy";

    /// <summary>The runtime itself.</summary>
    public const string BuiltIn = "kataBuiltInProxy";

    /// <summary>Nobody: over vsock each connection is one of its own.</summary>
    public const string None = "noProxy";
}
