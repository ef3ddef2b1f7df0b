namespace VmCacheCluster.Domain;

/// <summary>How long ending a VM may take before the next, harder step.</summary>
public sealed record StopDeadlines(TimeSpan Quit, TimeSpan Term, TimeSpan Kill);

/// <summary>A daemon as configured.</summary>
public sealed record NodeOptions
{
    /// <summary>The Unix socket of the default pool and of the public API.</summary>
    public required string Endpoint { get; init; }
    public required string RunDirectory { get; init; }
    public required string ClientDirectory { get; init; }
    public int BootParallelism { get; init; } = 2;
    public StopDeadlines Stop { get; init; } = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5));
    public required IReadOnlyList<PoolOptions> Pools { get; init; }
}
