using System.Runtime.InteropServices;

namespace VmCacheCluster.Gateway;

/// <summary>Tokens, and the memory of guests, are not to be in a file after a process died: neither the daemon's nor any that it starts.</summary>
internal static unsafe partial class CoreDumps
{
    private const int Core = 4;

    /// <summary>Too little for a file. With 0 Linux would still give all of it to a program that collects dumps (core(5), /proc/sys/kernel/core_pattern).</summary>
    private const ulong Nothing = 1;

    public static void Forbid()
    {
        ulong* limit = stackalloc ulong[] { Nothing, Nothing };
        // Without the right to raise a limit of 0, it stays that.
        _ = SetLimit(Core, limit);
    }

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, ulong* limit);
}
