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
        using var listener = ListeningSocket.Listen(QemuPaths.VirtioFs(paths));
        return Companion.Start(Companions.VirtioFs, shape.VirtioFsDaemon, Arguments(shape, paths), paths, listener, lifetime);
    }

    internal static IReadOnlyList<string> Arguments(KataShape shape, VmPaths paths) =>
    [
        $"--cache={shape.VirtioFsCache}", $"--shared-dir={paths.Share}", $"--fd={Companion.GivenNumber}",
        .. KataShape.Lines(shape.VirtioFsArguments),
    ];
}
