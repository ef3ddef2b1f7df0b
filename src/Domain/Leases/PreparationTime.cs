namespace VmCacheCluster.Domain;

/// <summary>How long a VM may be in preparation for a caller who waits. What is ready after its deadline is of no use to it; a preparation that
/// ends before can still be told of.</summary>
public static class PreparationTime
{
    /// <summary>For the way from the end of a preparation to its caller's refusal.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(300);

    /// <param name="left">Until the caller's deadline.</param>
    /// <param name="most">That it may take for anybody.</param>
    public static TimeSpan Limit(TimeSpan left, TimeSpan most)
    {
        var margin = left / 10 < Margin ? left / 10 : Margin;
        return TimeSpan.FromTicks(Math.Clamp((left - margin).Ticks, 1, most.Ticks));
    }

    /// <summary>No VM is spent on another try when so little is left.</summary>
    public static bool IsOver(TimeSpan left) => left <= Margin;
}
