using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>What a host is to run.</summary>
/// <param name="BootParallelism">How many VMs may be made at once.</param>
public sealed record NodePlan(IReadOnlyList<PoolOptions> Pools, int BootParallelism)
{
    /// <summary>What becomes of templates that no pool wants.</summary>
    public TemplateLimits Templates { get; init; } = new(TimeSpan.FromDays(1), null);

    /// <summary>What the ids of its VMs begin with (<see cref="NodeName.Tag"/>); null: nothing in particular.</summary>
    public string? Tag { get; init; }

    /// <summary>How KVM is proved, and proved again.</summary>
    public ProofOptions Proof { get; init; } = ProofOptions.Default;

    /// <summary>When no more VMs are made.</summary>
    public MemoryLimits Memory { get; init; } = new(0, null);
}

public sealed record NodePorts(VmPorts Vms, IAcceleratorProof Proof, Func<double> Random)
{
    public EventJournal Journal { get; } = new(Vms.Time);

    /// <summary>What is quarantined; it outlives the node's actor.</summary>
    public Quarantine Quarantine { get; } = new();

    /// <summary>Null: nobody looks at it.</summary>
    public IHostMemory? Memory { get; init; }

    /// <summary>Whether the host was cordoned when its last daemon ended.</summary>
    public Func<bool> WasCordoned { get; init; } = static () => false;

    /// <summary>Told how changes of pools went; null: nobody is.</summary>
    public IRolloutObserver? Rollouts { get; init; }
}

/// <summary>From the gateway to the node: I have (re)started and know no pools.</summary>
public sealed record GatewayStarted
{
    public static readonly GatewayStarted Instance = new();
}

/// <summary>To the node: the gateway's reference, which stays valid as long as the host's actor system lives.</summary>
public sealed record GetGateway
{
    public static readonly GetGateway Instance = new();
}

/// <summary>To the gateway: this pool takes callers.</summary>
public sealed record PoolOpened(PoolName Name, IActorRef Pool);

/// <summary>To the gateway: why this node does not serve; null: it does.</summary>
public sealed record NodeTroubled(string? What);

/// <summary>To the gateway: every pool of this node is open.</summary>
public sealed record NodeOpened
{
    public static readonly NodeOpened Instance = new();
}

/// <summary>To the node: the daemon ends; its VMs are left for the next one. Answered by <see cref="NodeStopped"/>.</summary>
public sealed record StopNode(string Reason);

public sealed record NodeStopped
{
    public static readonly NodeStopped Instance = new();
}
