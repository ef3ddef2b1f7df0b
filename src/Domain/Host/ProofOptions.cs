namespace VmCacheCluster.Domain;

/// <summary>How long a pool's guest may take under KVM.</summary>
/// <param name="Kernel">To its first kernel message.</param>
/// <param name="Agent">Until its agent answers.</param>
public sealed record ProofLimits(TimeSpan Kernel, TimeSpan Agent)
{
    /// <summary>They grow to so many times of what they are at first.</summary>
    public const int MostGrowth = 8;

    public ProofLimits Times(int factor) => new(Kernel * factor, Agent * factor);
}

/// <summary>How KVM is proved, and proved again.</summary>
/// <param name="Limits">Of the first proof; doubled for each that follows a failed one, up to <see cref="ProofLimits.MostGrowth"/> times.</param>
/// <param name="RetryInitial">From a proof that failed to the next one, doubled each time.</param>
/// <param name="RetryMax">The most that becomes of it: a guest that hangs under KVM keeps a core busy for a small share of the time.</param>
public sealed record ProofOptions(ProofLimits Limits, TimeSpan RetryInitial, TimeSpan RetryMax)
{
    /// <summary>As in reference.conf.</summary>
    public static ProofOptions Default { get; } =
        new(new ProofLimits(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(20)), TimeSpan.FromSeconds(30), TimeSpan.FromHours(1));
}
