using Akka.Event;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>Tells of clocks that differ, and of anything else, at most once in ten minutes each. Part of the door.</summary>
internal sealed class SkewWatch(TimeSpan most, TimeProvider time, ILoggingAdapter log)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, DateTimeOffset> _told = [];

    /// <param name="clock">Of the other node: milliseconds since 1970. What the message took on its way counts as difference too.</param>
    public void Look(string node, long clock)
    {
        var apart = (time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(clock, 0, 253402300799000))).Duration();
        if (apart > most && MayTell("clock of " + node))
            log.Warning("the clocks of node {0} and of this one are {1:0.0} s apart: times that they tell each other are off by that; synchronize them (NTP)", node, apart.TotalSeconds);
    }

    public bool MayTell(string what)
    {
        var now = time.GetUtcNow();
        if (_told.TryGetValue(what, out var last) && now - last < Quiet) return false;
        if (_told.Count > 1000) _told.Clear();
        _told[what] = now;
        return true;
    }
}
