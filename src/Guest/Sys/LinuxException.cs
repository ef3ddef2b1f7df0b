using System.Runtime.InteropServices;

namespace VmCacheCluster.Guest.Sys;

/// <summary>A system call that failed: what was tried, and errno with its text.</summary>
internal sealed class LinuxException(string what, int errno) : IOException($"{what}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    public int Errno { get; } = errno;

    /// <summary>The failure of the call made last on this thread.</summary>
    public static LinuxException Last(string what) => new(what, Marshal.GetLastPInvokeError());
}
