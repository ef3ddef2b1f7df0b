namespace VmCacheCluster.Domain;

/// <summary>How long a pool waits after boots that failed in a row.</summary>
public static class Backoff
{
    /// <summary>What is only a look at a file may be looked at often: a pool heals within a second of its file's arrival.</summary>
    public static readonly TimeSpan ConfigurationRetry = TimeSpan.FromSeconds(1);

    /// <summary>Exponential from <see cref="BackoffOptions.Initial"/> to <see cref="BackoffOptions.Max"/>, with jitter.</summary>
    /// <param name="failures">In a row, at least 1.</param>
    /// <param name="random">In [0, 1): 0.5 is the middle of the jitter.</param>
    public static TimeSpan Delay(BackoffOptions options, VmFailureKind kind, int failures, double random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        if (kind == VmFailureKind.Configuration) return TimeSpan.FromTicks(Math.Min(options.Max.Ticks, ConfigurationRetry.Ticks));
        var factor = Math.Pow(2, Math.Min(failures - 1, 30));
        var plain = Math.Min(options.Max.TotalMilliseconds, options.Initial.TotalMilliseconds * factor);
        return TimeSpan.FromMilliseconds(plain * (1 + options.Jitter * (2 * random - 1)));
    }
}
