using System.Net.Sockets;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>virtiofsd for one VM, with the arguments that Kata gives it but one: what it has to say goes to a file, not to syslog.</summary>
internal static class VirtioFsServer
{
    /// <summary>It listens before QEMU is there: the socket is made for it.</summary>
    /// <exception cref="NotExecutableException">It cannot be executed.</exception>
    /// <exception cref="IOException">The socket cannot be made, or as <see cref="Companion.Start"/>.</exception>
    /// <param name="lifetime">See <see cref="Companion.Start"/>.</param>
    public static Companion Start(KataShape shape, VmPaths paths, TimeSpan? lifetime)
    {
        using var listener = Listen(paths);
        return Companion.Start(Companions.VirtioFs, shape.VirtioFsDaemon, Arguments(shape, paths), paths, listener.SafeHandle, lifetime);
    }

    private static Socket Listen(VmPaths paths)
    {
        Socket? listener = null;
        try
        {
            listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            // .NET removes the name that it bound when it lets go of the socket.
            var bound = QemuPaths.VirtioFs(paths) + "~";
            listener.Bind(new UnixDomainSocketEndPoint(bound));
            listener.Listen(1);
            File.Move(bound, QemuPaths.VirtioFs(paths));
            return listener;
        }
        catch (Exception fault) when (fault is IOException or SocketException or UnauthorizedAccessException)
        {
            listener?.Dispose();
            var message = $"cannot listen on {QemuPaths.VirtioFs(paths)}: {fault.Message}";
            throw fault is SocketException { NativeErrorCode: var error } ? new IOException(message, error) : new IOException(message, fault.HResult);
        }
    }

    internal static IReadOnlyList<string> Arguments(KataShape shape, VmPaths paths) =>
    [
        $"--cache={shape.VirtioFsCache}", $"--shared-dir={paths.Share}", $"--fd={DetachedProcess.InheritedFile}",
        .. KataShape.Lines(shape.VirtioFsArguments),
    ];
}
