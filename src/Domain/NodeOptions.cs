namespace VmCacheCluster.Domain;

/// <summary>How long each way of ending a VM may take before the next, harsher one.</summary>
/// <param name="Quit">QMP's quit.</param>
/// <param name="Term">SIGTERM.</param>
/// <param name="Kill">SIGKILL, after which the process is reported as not ending.</param>
public sealed record StopDeadlines(TimeSpan Quit, TimeSpan Term, TimeSpan Kill);

/// <summary>A host's daemon as configured, checked and complete. All paths are absolute.</summary>
public sealed record NodeOptions
{
    /// <summary>The socket of the default pool and of the commands.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Ours alone: records, supervisor sockets, logs.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>What clients touch: QMP, console and agent sockets, one directory a VM.</summary>
    public required string ClientDirectory { get; init; }

    /// <summary>Where templates are kept; ours alone.</summary>
    public required string TemplateDirectory { get; init; }

    /// <summary>What becomes of templates that no pool wants.</summary>
    public required TemplateLimits Templates { get; init; }

    /// <summary>How many VMs boot at a time, all pools together; at least 1.</summary>
    public required int BootParallelism { get; init; }

    /// <summary>How KVM is proved, and proved again.</summary>
    public ProofOptions Proof { get; init; } = ProofOptions.Default;

    /// <summary>When no more VMs are made.</summary>
    public required MemoryLimits Memory { get; init; }

    public required StopDeadlines Stop { get; init; }

    /// <summary>As wished for; <see cref="DescriptorPlan"/> says what the process has room for.</summary>
    public ConnectionLimits Connections { get; init; } = new(1024, 256);

    /// <summary>What outlives the host's boots; used by hosts in a cluster.</summary>
    public string StateDirectory { get; init; } = "";

    /// <summary>Null: the host is on its own.</summary>
    public ClusterOptions? Cluster { get; init; }

    /// <summary>Null: vmcache.v1 is not served on TCP.</summary>
    public GatewayOptions? Gateway { get; init; }

    /// <summary>The control group in which each VM gets its own; null: none does.</summary>
    public string? ControlGroup { get; init; }

    /// <summary>Who VMs run as.</summary>
    public VmUserOptions Users { get; init; } = new(null, "");

    /// <summary>At least one, names and endpoints unique.</summary>
    public required IReadOnlyList<PoolOptions> Pools { get; init; }
}
