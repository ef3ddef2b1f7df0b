using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// <c>CLIENT-DIR/sandbox/SANDBOX-ID</c> is a link to the client directory of the sandbox's VM, so that a runtime finds the
/// sandbox's sockets and share by the sandbox's name.
/// </summary>
internal static class SandboxLinks
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Looking and replacing are two steps; all VMs of the host are this process's.</summary>
    private static readonly Lock Gate = new();

    /// <exception cref="VmFailedException">The sandbox has another VM, its name makes socket paths too long, or the link cannot be made.</exception>
    public static void Make(VmPaths paths, SandboxId sandbox)
    {
        var link = Path.Combine(Root(paths), sandbox.Value);
        var longest = new[] { paths.Qmp, paths.Agent, paths.Console }.Select(Path.GetFileName).MaxBy(name => name!.Length)!;
        if (QemuPaths.SocketFault(Path.Combine(link, longest)) is { } fault) throw Wrong(fault, "give the sandbox a shorter id, or choose a shorter client-dir");
        try
        {
            lock (Gate) Make(paths, sandbox, link);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot link {link}", cause), cause);
        }
    }

    /// <summary>Takes away every link to this VM.</summary>
    /// <exception cref="IOException">One cannot be removed.</exception>
    public static void Remove(VmPaths paths)
    {
        lock (Gate)
        {
            if (!Directory.Exists(Root(paths))) return;
            foreach (var link in new DirectoryInfo(Root(paths)).EnumerateFileSystemInfos())
                if (link.LinkTarget == Target(paths)) File.Delete(link.FullName);
            if (!Directory.EnumerateFileSystemEntries(Root(paths)).Any()) Directory.Delete(Root(paths));
        }
    }

    private static void Make(VmPaths paths, SandboxId sandbox, string link)
    {
        Directory.CreateDirectory(Root(paths), OwnerOnly);
        var target = new FileInfo(link).LinkTarget;
        if (target == Target(paths)) return;
        if (target is null && Path.Exists(link)) throw Wrong($"{link} is there and is no link to a VM", "remove it, or choose another sandbox id");
        if (target is not null && Directory.Exists(link))
            throw Wrong($"sandbox {sandbox} has VM {Path.GetFileName(target)} already", "release that VM first, or choose another sandbox id");
        // One that leads nowhere is left of a VM that is gone.
        if (target is not null) File.Delete(link);
        File.CreateSymbolicLink(link, Target(paths));
    }

    private static string Root(VmPaths paths) => Path.Combine(Path.GetDirectoryName(paths.ClientDirectory)!, "sandbox");

    /// <summary>Relative: it holds too where the client directory is mounted elsewhere.</summary>
    private static string Target(VmPaths paths) => $"../{Path.GetFileName(paths.ClientDirectory)}";

    private static VmFailedException Wrong(string message, string remedy) => new(new VmFailure(VmFailureKind.Configuration, message, remedy));
}
