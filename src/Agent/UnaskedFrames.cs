namespace VmCacheCluster.Agent;

/// <summary>
/// What a peer may send that nobody asked for: late answers, and what was on its way when a call was given up. That is bounded by what
/// sockets and rings hold between two calls; a guest that goes on and on would keep its host busy for ever.
/// </summary>
internal sealed class UnaskedFrames
{
    /// <summary>In <see cref="Window"/>, and since a call was made.</summary>
    public const int Most = 1 << 16;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private long _since = Environment.TickCount64;
    private int _count;

    /// <summary>A call was made, and may be given up as well.</summary>
    public void Forgive() => Volatile.Write(ref _count, 0);

    /// <summary>One more. By the connection's reader alone.</summary>
    /// <returns>False: it is one too many.</returns>
    public bool Count()
    {
        if (Interlocked.Increment(ref _count) <= Most) return true;
        var now = Environment.TickCount64;
        if (now - _since < Window.TotalMilliseconds) return false;
        (_since, _count) = (now, 1);
        return true;
    }
}
