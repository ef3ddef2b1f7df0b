using System.Net.Sockets;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>virtiofsd for one VM, with the arguments that Kata gives it but one: what it has to say goes to a file, not to syslog.</summary>
internal static class VirtioFsServer
{
    /// <summary>It listens before QEMU is there: the socket is made for it.</summary>
    /// <exception cref="IOException">It cannot be executed, or the socket not be made.</exception>
    /// <param name="lifetime">See <see cref="Companion.Start"/>.</param>
    public static Companion Start(KataShape shape, VmPaths paths, TimeSpan? lifetime)
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // .NET removes the name that it bound when it lets go of the socket.
            var bound = QemuPaths.VirtioFs(paths) + "~";
            listener.Bind(new UnixDomainSocketEndPoint(bound));
            listener.Listen(1);
            File.Move(bound, QemuPaths.VirtioFs(paths));
        }
        catch (Exception fault) when (fault is SocketException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot listen on {QemuPaths.VirtioFs(paths)}: {fault.Message}", fault);
        }

        return Companion.Start(Companions.VirtioFs, shape.VirtioFsDaemon, Arguments(shape, paths), paths, listener.SafeHandle, lifetime);
    }

    internal static IReadOnlyList<string> Arguments(KataShape shape, VmPaths paths) =>
    [
        $"--cache={shape.VirtioFsCache}", $"--shared-dir={paths.Share}", $"--fd={DetachedProcess.InheritedFile}",
        .. KataShape.Lines(shape.VirtioFsArguments),
    ];
}
