using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Files;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>The operating system's refusals as failures with a remedy.</summary>
internal static class HostFailures
{
    private const int NoSpace = 28, ReadOnlyFileSystem = 30, TooManyFiles = 24, QuotaExceeded = 122, TooManyFilesOfHost = 23, NoMemory = 12;

    /// <summary>The daemon or the host has no more of something: that says nothing of the file that was to be read.</summary>
    public static bool IsShortage(Exception fault) => fault is OutOfMemoryException or IOException { HResult: TooManyFiles or TooManyFilesOfHost or NoMemory };

    public static VmFailure From(string what, Exception fault) =>
        new(VmFailureKind.Host, $"{what}: {fault.Message}", Remedy(fault));

    private static string Remedy(Exception fault) => fault switch
    {
        NotRemovedException left => left.Remedy,
        UnauthorizedAccessException => "give the daemon's user the right to it, or choose another directory",
        // .NET keeps errno in HResult for errors that it has no type for.
        IOException { HResult: NoSpace } => "free space on that file system",
        IOException { HResult: QuotaExceeded } => "raise the quota, or free space",
        IOException { HResult: ReadOnlyFileSystem } => "the file system is read-only: choose another directory",
        IOException { HResult: TooManyFiles } => "raise the limit of open files (LimitNOFILE)",
        _ => "",
    };
}
