namespace VmCacheCluster.Domain;

public enum AcceleratorChoice { Auto, Kvm, Tcg }

/// <param name="Jitter">Fraction of the delay by which it varies, either way.</param>
public sealed record BackoffOptions(TimeSpan Initial, TimeSpan Max, double Jitter);

/// <summary>A pool as configured. <see cref="Spec"/>'s accelerator is TCG until it is resolved.</summary>
public sealed record PoolOptions
{
    public required PoolName Name { get; init; }
    public required VmSpec Spec { get; init; }
    public AcceleratorChoice Accelerator { get; init; } = AcceleratorChoice.Auto;
    public int VmCacheNumber { get; init; }
    public string? Endpoint { get; init; }
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(30);
    public TimeSpan? MaxAge { get; init; }
    public TimeSpan BootTimeout { get; init; } = TimeSpan.FromSeconds(60);
    public int MaxWaiting { get; init; } = 256;
    public BackoffOptions Backoff { get; init; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 0.2);
}
