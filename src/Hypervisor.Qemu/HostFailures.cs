using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>The operating system's refusals as failures with a remedy.</summary>
internal static class HostFailures
{
    private const int NoSpace = 28, ReadOnlyFileSystem = 30, TooManyFiles = 24, QuotaExceeded = 122, TooManyFilesOfHost = 23, NoMemory = 12;
    private const int InputOutput = 5;

    /// <summary>The daemon or the host has no more of something: that says nothing of the file that was to be read.</summary>
    public static bool IsShortage(Exception fault) =>
        fault is OutOfMemoryException or HostLimitException || (fault is IOException && IsShortage(fault.HResult));

    /// <summary>Such an errno of an attempt to start a program says nothing of the program.</summary>
    public static bool IsHosts(int error) =>
        IsShortage(error) || error is NoSpace or QuotaExceeded or ReadOnlyFileSystem or InputOutput;

    private static bool IsShortage(int error) => error is TooManyFiles or TooManyFilesOfHost or NoMemory;

    /// <summary>Why a program could not be started.</summary>
    /// <param name="what">What is said before the cause where that is the host's.</param>
    /// <param name="remedy">Where the program is at fault.</param>
    public static VmFailure OfStart(string what, IOException fault, string remedy) =>
        fault is NotExecutableException ? new VmFailure(VmFailureKind.Configuration, fault.Message, remedy) : From(what, fault);

    public static VmFailure From(string what, Exception fault) =>
        new(VmFailureKind.Host, $"{what}: {fault.Message}", Remedy(fault));

    private static string Remedy(Exception fault) => fault switch
    {
        NotRemovedException left => left.Remedy,
        HostLimitException limit => limit.Remedy,
        UnauthorizedAccessException => "give the daemon's user the right to it, or choose another directory",
        // .NET keeps errno in HResult for errors that it has no type for.
        IOException { HResult: NoSpace } => "free space on that file system",
        IOException { HResult: QuotaExceeded } => "raise the quota, or free space",
        IOException { HResult: ReadOnlyFileSystem } => "the file system is read-only: choose another directory",
        IOException { HResult: TooManyFiles } => "raise the limit of open files (LimitNOFILE)",
        IOException { HResult: TooManyFilesOfHost } => "raise the host's limit of open files (sysctl fs.file-max)",
        OutOfMemoryException or IOException { HResult: NoMemory } => "free memory of the host, or keep fewer VMs",
        _ => "",
    };
}
