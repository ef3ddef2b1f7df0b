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

    /// <summary>Of .NET and the command line's reader: 42 do not suffice, 46 do, as measured.</summary>
    private const int Usage = 64;

    /// <summary>Called before the command line is read.</summary>
    /// <returns>False: it has told why not even that can be.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool SufficesForUsage() => Suffices(Usage);

    /// <summary>Called before the daemon begins anything.</summary>
    /// <returns>False: it has told why the daemon cannot start.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool SufficesForRuntime() => Suffices(DescriptorPlan.Runtime);

    /// <summary>
    /// Calls nothing itself that needs an assembly: where there are too few descriptors for them .NET aborts, and its console would be the
    /// first.
    /// </summary>
    private static bool Suffices(int least)
    {
        if (Now >= least) return true;
        Tell("vmcached: the limit of open files is too low: "u8);
        Tell(Now);
        Tell(", and vmcached needs "u8);
        Tell(DescriptorPlan.Runtime);
        Tell(" for itself and more for its VMs; raise it (LimitNOFILE= in the unit, ulimit -n in a shell), best to 65536 or more\n"u8);
        return false;
    }

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
