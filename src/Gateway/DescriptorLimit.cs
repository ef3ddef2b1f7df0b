using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway;

/// <summary>How many descriptors this process may have: RLIMIT_NOFILE, whose soft limit .NET raises to the hard one at its start.</summary>
internal static unsafe class DescriptorLimit
{
    /// <summary>EX_CONFIG: starting again helps nobody.</summary>
    public const int ExitCode = 78;

    private const int Files = 7;
    private const int StandardError = 2;

    public static int Now
    {
        get
        {
            ulong* limit = stackalloc ulong[2];
            return GetLimit(Files, limit) != 0 || limit[0] > int.MaxValue ? int.MaxValue : (int)limit[0];
        }
    }

    /// <summary>Takes some fifty microseconds for a few hundred.</summary>
    public static int Used => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();

    /// <summary>
    /// Called before anything else, and calls nothing itself that needs an assembly: below this limit .NET finds no descriptor for them and
    /// aborts, and its console would be the first.
    /// </summary>
    /// <returns>False: it has told why the daemon cannot start.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool SufficesForRuntime()
    {
        if (Now >= DescriptorPlan.Runtime) return true;
        Tell("vmcached: the limit of open files is too low: "u8);
        Tell(Now);
        Tell(", and vmcached needs "u8);
        Tell(DescriptorPlan.Runtime);
        Tell(" for itself and more for its VMs; raise it (LimitNOFILE= in the unit, ulimit -n in a shell), best to 65536 or more\n"u8);
        return false;
    }

    /// <summary>Why the pools cannot be had, for a person.</summary>
    public static string TooLow(NodeOptions options, int limit)
        => $"the limit of open files is too low: {limit}, and the configured pools need {DescriptorPlan.Need(options)} "
            + $"(vm-cache-number {options.Pools.Sum(p => p.VmCacheNumber)} in all, boot-parallelism {options.BootParallelism}); "
            + "raise it (LimitNOFILE= in the unit, ulimit -n in a shell), or lower these two";

    private static void Tell(ReadOnlySpan<byte> text)
    {
        fixed (byte* start = text) _ = Write(StandardError, start, (nuint)text.Length);
    }

    private static void Tell(int number)
    {
        const int digits = 10;
        var text = stackalloc byte[digits];
        var at = digits;
        do text[--at] = (byte)('0' + number % 10);
        while ((number /= 10) > 0);
        _ = Write(StandardError, text + at, (nuint)(digits - at));
    }

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, ulong* limit);

    [DllImport("libc", EntryPoint = "write")]
    private static extern nint Write(int descriptor, byte* text, nuint length);
}
