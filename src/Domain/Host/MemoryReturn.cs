namespace VmCacheCluster.Domain;

/// <summary>
/// When a daemon's memory is worth a full collection. The runtime collects only while it allocates, so a daemon that is quiet after a flood keeps what
/// the flood took. A full collection stops every thread for some tens of milliseconds: it waits until nobody asks anything.
/// </summary>
public sealed class MemoryReturn
{
    /// <summary>Between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Less is no flood: ten warm VMs at rest allocate some 40 KB in an interval.</summary>
    private const long Worth = 64L << 20;

    /// <summary>An interval with less is quiet.</summary>
    private const long Quiet = 4L << 20;

    private long _seen;
    private long _returned;

    /// <param name="allocated">Bytes that the process has allocated since its start.</param>
    /// <returns>True: collect now. It is taken as done.</returns>
    public bool IsDue(long allocated)
    {
        var quiet = allocated - _seen < Quiet;
        _seen = allocated;
        if (!quiet || allocated - _returned < Worth) return false;
        _returned = allocated;
        return true;
    }
}
