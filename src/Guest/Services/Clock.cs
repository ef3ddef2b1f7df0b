using System.Runtime.InteropServices;
using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>The guest's wall clock.</summary>
internal static unsafe class Clock
{
    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT for a time that no host can mean.</exception>
    public static void Set(long seconds, long microseconds)
    {
        if (seconds <= 0 || microseconds is < 0 or > 999_999)
            throw Invalid($"{seconds} s and {microseconds} us are no time after 1970 with microseconds from 0 to 999999");
        var time = new TimeSpec { Seconds = seconds, Nanoseconds = microseconds * 1000 };
        if (Libc.clock_settime(Linux.CLOCK_REALTIME, &time) == 0) return;
        throw Marshal.GetLastPInvokeError() == Linux.EINVAL
            ? Invalid($"the kernel's clock does not reach {seconds} s after 1970")
            : LinuxException.Last("cannot set the clock");
    }

    private static TtrpcStatusException Invalid(string message) => new(TtrpcStatusCode.InvalidArgument, message);
}
