namespace VmCacheCluster.Domain;

/// <summary>What a pool asks for; <see cref="Auto"/>: KVM when it is proved to run the guest, else TCG.</summary>
public enum AcceleratorChoice { Auto, Kvm, Tcg }

/// <summary>How the time between failing boots of a pool grows.</summary>
/// <param name="Initial">After the first failure; more than zero.</param>
/// <param name="Max">The most; at least <paramref name="Initial"/>.</param>
/// <param name="Jitter">The random part, as a fraction of the delay, from 0 to 1: 0.2 spreads it by 20% either way.</param>
public sealed record BackoffOptions(TimeSpan Initial, TimeSpan Max, double Jitter);

/// <summary>A pool as configured, checked and complete.</summary>
public sealed record PoolOptions
{
    public required PoolName Name { get; init; }

    /// <summary>The shape of its VMs. Its accelerator is TCG until <see cref="Accelerator"/> is resolved.</summary>
    public required VmSpec Spec { get; init; }

    public AcceleratorChoice Accelerator { get; init; } = AcceleratorChoice.Auto;

    /// <summary>How many VMs are kept warm; 0: VMs are made on demand only.</summary>
    public required int VmCacheNumber { get; init; }

    /// <summary>That is this host's share of what all hosts keep warm together.</summary>
    public bool Shared { get; init; }

    /// <summary>Absolute path of the pool's Kata socket; null: it has none.</summary>
    public string? Endpoint { get; init; }

    /// <summary>How long the holder of a VM that was handed out may take to act; more than zero.</summary>
    public required TimeSpan GracePeriod { get; init; }

    /// <summary>Of leases of vmcache.v1; a VM that was handed to Kata's client has no such limit.</summary>
    public required LeaseLimits Lease { get; init; }

    /// <summary>How long a VM may be held through Kata's call when nobody is connected to it; null: for ever.</summary>
    public TimeSpan? HeldLimit { get; init; }

    /// <summary>How its VMs are made.</summary>
    public RefillChoice Refill { get; init; } = RefillChoice.Boot;

    /// <summary>A clone gets random numbers, clock and identity before it is warm, and not only from vmcache.v1.</summary>
    public bool Prime { get; init; } = true;

    /// <summary>The age at which its template is made anew; null: never.</summary>
    public TimeSpan? TemplateMaxAge { get; init; }

    /// <summary>The age at which a warm VM is replaced; null: never.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>From QEMU's start until the guest's agent has answered.</summary>
    public required TimeSpan BootTimeout { get; init; }

    /// <summary>How many acquires may wait for a VM; one more is refused at once.</summary>
    public required int MaxWaiting { get; init; }

    public required BackoffOptions Backoff { get; init; }

    /// <summary>How it goes over to another shape of its VMs.</summary>
    public RolloutOptions Rollout { get; init; } = new(0.25, 1, TimeSpan.FromMinutes(10));
}
