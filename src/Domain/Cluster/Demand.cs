namespace VmCacheCluster.Domain;

/// <summary>How often a pool is asked for VMs, the last minutes counting most.</summary>
/// <param name="Recent">Callers so far, each less the longer ago it came.</param>
/// <param name="Count">Callers that were counted.</param>
public readonly record struct Demand(double Recent, long Count, DateTimeOffset At)
{
    /// <summary>A caller who came so long ago counts for 1/e.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(2);

    public static Demand Since(DateTimeOffset now) => new(0, 0, now);

    public double PerMinute => Recent / Memory.TotalMinutes;

    /// <param name="count">Callers since the pool's start; fewer than before: it has started anew.</param>
    public Demand Next(long count, DateTimeOffset now)
    {
        var past = Math.Max(0, (now - At) / Memory);
        return new Demand((Recent * Math.Exp(-past)) + (count < Count ? count : count - Count), count, now);
    }
}
