namespace VmCacheCluster.Kata;

/// <summary>A kernel parameter; an empty value is written without "=".</summary>
public sealed record KataParam(string Key, string Value);

/// <summary>Kata's KataAgentConfig, 3.5.0 and 4.1.0 together, as of an empty [agent.kata] table.</summary>
public sealed record KataAgentConfig
{
    public IReadOnlyList<string>? KernelModules { get; init; }
    public uint ContainerPipeSize { get; init; }

    /// <summary>Seconds.</summary>
    public uint DialTimeout { get; init; }

    public uint CdhApiTimeout { get; init; }
    public uint LaunchProcessTimeout { get; init; }
    public bool LongLiveConn { get; init; } = true;
    public bool Debug { get; init; }
    public bool Trace { get; init; }
    public bool EnableDebugConsole { get; init; }
    public bool VisibleCdiDevices { get; init; }
    public string Policy { get; init; } = "";
}

/// <summary>
/// Kata's VMConfig: what a client compares with its own, by value, before it takes a VM. vCPUs and memory may differ,
/// nothing else of what matters may.
/// </summary>
public sealed record KataVmConfig
{
    public string HypervisorType { get; init; } = "qemu";
    public KataAgentConfig AgentConfig { get; init; } = new();
    public required KataHypervisorConfig HypervisorConfig { get; init; }

    /// <summary>What only Kata 1.x has; null: it is not of that generation.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public KataFirst? First { get; init; }

    /// <summary>The answer of CacheService.Config. Compute it once a pool.</summary>
    public Wire.GrpcVMConfig ToGrpc(KataTarget target = KataTarget.Union) => KataWire.Write(this, target);
}
