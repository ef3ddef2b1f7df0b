namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>
/// What QEMU gets open instead of by path, and as which descriptor. It may not be able to open it: it runs as a user of its own, who may write
/// nowhere, and its kernel may be below a directory of root's.
/// </summary>
internal enum GivenFile
{
    /// <summary>The memory of a template or a clone.</summary>
    Memory = 3,

    /// <summary>The socket of the daemon's monitor.</summary>
    Supervisor,

    /// <summary>The socket of the holder's monitor.</summary>
    Qmp,

    /// <summary>The socket of the console.</summary>
    Console,

    /// <summary>The socket of the agent's port.</summary>
    Agent,

    /// <summary>The vsock device, with its context id.</summary>
    Vsock,

    Kernel,
    Initrd,
    Image,
}

internal static class GivenFiles
{
    /// <summary>What opens the file anew, which asks for rights to the file itself and not to its directories.</summary>
    public static string Path(this GivenFile file) => $"/proc/self/fd/{(int)file}";
}
