using System.Runtime.InteropServices;
using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>The guest's wall clock.</summary>
internal static unsafe class Clock
{
    // The kernel refuses to be set to what lies within 30 years of the end of its 64-bit nanoseconds, in 2262.
    private const long Latest = 8_000_000_000;

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT for a time that no host can mean.</exception>
    public static void SetMicroseconds(long seconds, long microseconds)
    {
        if (microseconds is < 0 or > 999_999) throw Invalid($"{microseconds} are no microseconds of a second: they go from 0 to 999999");
        Check(seconds, microseconds * 1000);
        Set(seconds, microseconds * 1000);
    }

    /// <exception cref="TtrpcStatusException">INVALID_ARGUMENT for a time that no host can mean.</exception>
    public static void Check(long seconds, long nanoseconds)
    {
        if (seconds is <= 0 or > Latest) throw Invalid($"seconds: {seconds} is no time between 1970 and 2223");
        if (nanoseconds is < 0 or > 999_999_999) throw Invalid($"nanoseconds: {nanoseconds} are not between 0 and 999999999");
    }

    public static void Set(long seconds, long nanoseconds)
    {
        var time = new TimeSpec { Seconds = seconds, Nanoseconds = nanoseconds };
        if (Libc.clock_settime(Linux.CLOCK_REALTIME, &time) == 0) return;
        throw Marshal.GetLastPInvokeError() == Linux.EINVAL
            ? Invalid($"seconds: the kernel's clock cannot be set to {seconds} s after 1970")
            : LinuxException.Last("cannot set the clock");
    }

    private static TtrpcStatusException Invalid(string message) => new(TtrpcStatusCode.InvalidArgument, message);
}
