namespace VmCacheCluster.Domain;

/// <summary>A rate that all who send share: who has sent keeps the next one waiting for as long as that takes at this rate.</summary>
/// <param name="bytesPerSecond">Null: any.</param>
public sealed class SendRate(long? bytesPerSecond)
{
    private TimeSpan _free = TimeSpan.MinValue;

    /// <param name="now">By any clock that only goes on.</param>
    /// <returns>How long to wait before they are sent.</returns>
    public TimeSpan Spend(long bytes, TimeSpan now)
    {
        if (bytesPerSecond is not { } rate) return TimeSpan.Zero;
        var from = _free > now ? _free : now;
        _free = from + TimeSpan.FromSeconds((double)bytes / rate);
        return from - now;
    }
}
