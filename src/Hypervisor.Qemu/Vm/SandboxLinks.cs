using System.Text;
using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Files;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// <c>CLIENT-DIR/sandbox/SANDBOX-ID</c> is a link to the client directory of the sandbox's VM, so that a runtime finds the
/// sandbox's sockets and share by the sandbox's name. Clients may write there: no link and no mount in the place of that directory is followed.
/// </summary>
internal static class SandboxLinks
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly byte[] RootName = FileNames.Of("sandbox");

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

    /// <summary>Takes away every link to this VM. Where there is no plain directory of links, there is none of ours.</summary>
    /// <exception cref="IOException">One cannot be removed.</exception>
    public static void Remove(VmPaths paths)
    {
        lock (Gate)
        {
            using var client = Client(paths);
            if (client is null || FileCalls.OpenChild(client, RootName, out var links) != 0) return;
            using (links)
            {
                var (entries, buffer, target) = (new DirectoryEntries(links), new byte[8192], Encoding.UTF8.GetBytes(Target(paths)));
                while (entries.Next(buffer, out var entry) == 0 && entry is { Name: var name })
                    if (FileCalls.ReadLink(links, name, out var to) == 0 && to.AsSpan().SequenceEqual(target)) Unlink(links, name, paths);
            }

            // As long as there are others in it, it stays.
            FileCalls.Unlink(client, RootName, directory: true);
        }
    }

    private static void Make(VmPaths paths, SandboxId sandbox, string link)
    {
        Directory.CreateDirectory(Root(paths), OwnerOnly);
        using var client = Client(paths);
        if (client is null || FileCalls.OpenChild(client, RootName, out var links) != 0)
            throw Wrong($"{Root(paths)} is no plain directory of the client directory", "remove it, or unmount what is mounted there");
        using (links)
        {
            var name = FileNames.Of(sandbox.Value);
            var errno = FileCalls.ReadLink(links, name, out var bytes);
            var target = Encoding.UTF8.GetString(bytes);
            if (errno == 0 && target == Target(paths)) return;
            if (errno == FileCalls.EINVAL) throw Wrong($"{link} is there and is no link to a VM", "remove it, or choose another sandbox id");
            if (errno == 0 && Directory.Exists(link))
                throw Wrong($"sandbox {sandbox} has VM {Path.GetFileName(target)} already", "release that VM first, or choose another sandbox id");
            // One that leads nowhere is left of a VM that is gone.
            if (errno == 0) Unlink(links, name, paths);
            errno = FileCalls.Link(links, name, Target(paths));
            if (errno != 0) throw new IOException(FileCalls.Text(errno));
        }
    }

    private static SafeFileHandle? Client(VmPaths paths) =>
        FileCalls.OpenDirectory(Path.GetDirectoryName(paths.ClientDirectory)!, out var client) == 0 ? client : null;

    private static void Unlink(SafeFileHandle links, byte[] name, VmPaths paths)
    {
        var errno = FileCalls.Unlink(links, name, directory: false);
        if (errno is not (0 or FileCalls.ENOENT))
            throw NotRemovedException.Of(FileNames.Join(Encoding.UTF8.GetBytes(Root(paths)), FileNames.Bytes(name)), errno);
    }

    private static string Root(VmPaths paths) => Path.Combine(Path.GetDirectoryName(paths.ClientDirectory)!, "sandbox");

    /// <summary>Relative: it holds too where the client directory is mounted elsewhere.</summary>
    private static string Target(VmPaths paths) => $"../{Path.GetFileName(paths.ClientDirectory)}";

    private static VmFailedException Wrong(string message, string remedy) => new(new VmFailure(VmFailureKind.Configuration, message, remedy));
}
