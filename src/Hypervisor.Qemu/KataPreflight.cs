using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Checks what a VM of Kata's shape takes of the host beside kernel and root.</summary>
internal static class KataPreflight
{
    private const string HugePages = "/dev/hugepages";

    /// <summary>The first thing that is wrong, or null.</summary>
    public static VmFailure? Check(KataShape shape) =>
        (shape.Unserved.Length > 0 ? Preflight.Wrong($"no VM can be made of Kata's configuration: {shape.Unserved}", "change it there") : null)
        ?? (shape.Share == SharedFileSystem.VirtioFs ? Companion("virtiofsd", shape.VirtioFsDaemon, "install it, name it in virtio_fs_daemon, or set shared_fs to \"none\"") : null)
        ?? (shape.ProxyPath.Length > 0 ? Companion("kata-proxy", shape.ProxyPath, "name it in [proxy.kata], or leave that table out") : null)
        ?? (shape.HugePages && !Directory.Exists(HugePages)
            ? Preflight.Wrong($"the host has no {HugePages}", "mount hugetlbfs there, or set enable_hugepages to false") : null)
        ?? (shape.MemoryDirectory.Length > 0 && !Directory.Exists(shape.MemoryDirectory)
            ? Preflight.Wrong($"there is no directory {shape.MemoryDirectory} for the VMs' memory", "make it, or leave file_mem_backend out") : null)
        ?? (shape.Firmware.Length > 0 ? Preflight.Input("firmware", shape.Firmware) : null)
        ?? KataShape.Lines(shape.Flashes).Select(flash => Preflight.Input("flash image", flash)).FirstOrDefault(f => f is not null);

    private static VmFailure? Companion(string what, string path, string remedy) =>
        !File.Exists(path) ? Preflight.Wrong($"{what} is missing: there is no file {path}", remedy)
        : Native.Access(path, Native.X_OK) == 0 ? null
        : Preflight.Wrong($"{what} at {path} is not executable", remedy);
}
