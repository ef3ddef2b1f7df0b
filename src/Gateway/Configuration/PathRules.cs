using VmCacheCluster.Hypervisor.Qemu;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What paths must be for QEMU and for the kernel's socket addresses.</summary>
internal static class PathRules
{
    public static string? Problem(string path) =>
        path.Any(char.IsControl) ? "it contains a control character"
        : path[0] != '/' ? "it is not an absolute path"
        : path.Contains(',') ? "it contains a comma, which separates QEMU's options"
        : null;

    /// <summary>A fault when sockets of this path, with what is put behind it, would be too long.</summary>
    public static void CheckSocket(Setting<string> path, string full, ICollection<ConfigurationFault> faults)
    {
        if (QemuPaths.SocketFault(full) is { } reason) faults.Add(path.Fault(reason, "choose a shorter path"));
    }

    public static void CheckEndpoint(Setting<string> path, ICollection<ConfigurationFault> faults)
    {
        CheckSocket(path, path.Value, faults);
        if (Directory.Exists(path.Value))
            faults.Add(path.Fault("it is a directory", "name a socket in it, such as " + path.Value.TrimEnd('/') + "/cache.sock"));
    }
}
