namespace VmCacheCluster.Domain;

/// <summary>How the proofs for a pool have gone: what was concluded last, and how often in a row it had that outcome.</summary>
/// <param name="Tries">At least 1.</param>
public sealed record ProofCourse(AcceleratorVerdict Last, int Tries)
{
    /// <summary>How often it is looked whether there is a device.</summary>
    public static readonly TimeSpan LookForDevice = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan TryFirst = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TryLeast = TimeSpan.FromMinutes(5);

    /// <param name="before">Null: this is the first verdict.</param>
    public static ProofCourse Next(ProofCourse? before, AcceleratorVerdict verdict)
        => new(verdict, before?.Last.Outcome == verdict.Outcome ? before.Tries + 1 : 1);

    /// <summary>From now to the next proof; null: there is to be none.</summary>
    public TimeSpan? Pause(ProofOptions options) => Last.Outcome switch
    {
        ProofOutcome.Settled => null,
        ProofOutcome.NoDevice => LookForDevice,
        ProofOutcome.NotTried => Doubled(TryFirst, TryLeast),
        ProofOutcome.Failed => Doubled(options.RetryInitial, options.RetryMax),
        _ => throw new InvalidOperationException($"{Last.Outcome} is no outcome of a proof"),
    };

    /// <summary>Of the next proof: an overloaded host needs more time than an idle one.</summary>
    /// <param name="course">Null: the first one.</param>
    public static ProofLimits Limits(ProofCourse? course, ProofOptions options)
        => options.Limits.Times(course is { Last.Outcome: ProofOutcome.Failed, Tries: var tries } ? Factor(tries, ProofLimits.MostGrowth) : 1);

    private TimeSpan Doubled(TimeSpan first, TimeSpan most)
    {
        var plain = first * Factor(Tries - 1, 1 << 20);
        return plain < most ? plain : most;
    }

    private static int Factor(int doublings, int most) => doublings >= 20 ? most : Math.Min(1 << doublings, most);
}
