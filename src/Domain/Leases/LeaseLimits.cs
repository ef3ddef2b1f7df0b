namespace VmCacheCluster.Domain;

/// <summary>How long leases of a pool live.</summary>
/// <param name="Ttl">After each renewal, when the holder asks for nothing else.</param>
/// <param name="Most">The most a holder can ask for.</param>
public sealed record LeaseLimits(TimeSpan Ttl, TimeSpan Most)
{
    /// <summary>Less would expire before a holder can have renewed it.</summary>
    public static readonly TimeSpan Least = TimeSpan.FromSeconds(1);
}
