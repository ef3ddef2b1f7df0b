using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>What the doctor looks at, read once; every check is a function of it.</summary>
internal sealed record HostFacts
{
    public required string Endpoint { get; init; }

    /// <summary>The daemon's answer, or null with <see cref="DaemonFault"/>.</summary>
    public NodeStatus? Daemon { get; init; }

    public VmCacheException? DaemonFault { get; init; }

    public required QemuFacts Qemu { get; init; }

    public required DeviceFacts Kvm { get; init; }

    public required DeviceFacts VhostVsock { get; init; }

    public required MemoryFacts Memory { get; init; }

    public required DirectoryFacts RunDirectory { get; init; }

    public required DirectoryFacts Templates { get; init; }

    /// <summary>Permission bits of the endpoint's socket, or null when there is none.</summary>
    public UnixFileMode? SocketMode { get; init; }

    public required GuestFacts Guest { get; init; }
}

/// <param name="Path">The binary, or what was looked for in PATH.</param>
/// <param name="VersionLine">The first line of <c>--version</c>; null when it did not run.</param>
/// <param name="Fault">Why it did not run; empty otherwise.</param>
internal sealed record QemuFacts(string Path, bool Found, string? VersionLine, string Fault);

/// <param name="Fault">Why it cannot be opened for reading and writing; empty when it can.</param>
internal sealed record DeviceFacts(string Path, bool Exists, string Fault);

/// <summary>Of /proc/meminfo, in MiB; huge pages in pages of <paramref name="HugePageKiB"/>.</summary>
internal sealed record MemoryFacts(long TotalMiB, long AvailableMiB, long HugePagesTotal, long HugePagesFree, long HugePageKiB);

/// <param name="Mode">Permission bits; null when the directory is absent.</param>
/// <param name="Writable">By us: of the directory, or, when it is absent, of the nearest parent that exists.</param>
/// <param name="FileSystem">Type of the file system it is on, or would be on.</param>
/// <param name="FreeMiB">Space left there; null: not known.</param>
internal sealed record DirectoryFacts(string Path, UnixFileMode? Mode, bool Writable, string FileSystem, long? FreeMiB = null)
{
    internal bool Exists => Mode is not null;
}

/// <param name="Looked">Directories that were looked into.</param>
/// <param name="Kernel">Path of the kernel found, or null.</param>
/// <param name="Initramfs">Path of the initramfs found, or null.</param>
internal sealed record GuestFacts(IReadOnlyList<string> Looked, string? Kernel, string? Initramfs);
