using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>Where a VM's files are.</summary>
public static class QemuPaths
{
    /// <summary>The longest path of a Unix socket in bytes (sun_path less its final NUL).</summary>
    public const int MaxSocketBytes = 107;

    /// <summary>The paths of one VM; <paramref name="runDirectory"/> and <paramref name="clientDirectory"/> are absolute.</summary>
    /// <param name="kata">The names that Kata's client knows.</param>
    public static VmPaths For(string runDirectory, string clientDirectory, VmId id, bool kata = false)
    {
        var ours = Path.Combine(VmRoot(runDirectory), id.Value);
        var clients = Path.Combine(clientDirectory, id.Value);
        return new VmPaths(
            ours,
            clients,
            Supervisor: Path.Combine(ours, "supervisor.sock"),
            Qmp: Path.Combine(clients, "qmp.sock"),
            Agent: Path.Combine(clients, kata ? "kata.sock" : "agent.sock"),
            Console: Path.Combine(clients, "console.sock"),
            Share: Path.Combine(clients, kata ? "shared" : "share"));
    }

    /// <summary>The longest socket path that VMs in this run directory will have.</summary>
    public static string LongestSocketOfRun(string runDirectory) => Any(runDirectory, "/").Supervisor;

    /// <summary>The longest socket path that VMs in this client directory will have.</summary>
    public static string LongestSocketOfClient(string clientDirectory)
    {
        var paths = Any("/", clientDirectory);
        return new[] { paths.Qmp, paths.Agent, paths.Console }.MaxBy(Encoding.UTF8.GetByteCount)!;
    }

    /// <summary>What is wrong with the path of a socket, for a person; null when Linux takes it.</summary>
    public static string? SocketFault(string path)
    {
        var bytes = Encoding.UTF8.GetByteCount(path);
        return bytes <= MaxSocketBytes ? null : $"the socket path {path} has {bytes} bytes; Linux takes at most {MaxSocketBytes}";
    }

    /// <summary>What is wrong with these directories, for a person; null when sockets fit into them.</summary>
    public static string? Fault(string runDirectory, string clientDirectory)
    {
        if (!Path.IsPathRooted(runDirectory)) return $"the run directory '{runDirectory}' is not an absolute path";
        if (!Path.IsPathRooted(clientDirectory)) return $"the client directory '{clientDirectory}' is not an absolute path";
        return SocketFault(LongestSocketOfRun(runDirectory)) ?? SocketFault(LongestSocketOfClient(clientDirectory));
    }

    /// <summary>All ids are of one length.</summary>
    private static VmPaths Any(string runDirectory, string clientDirectory) => For(runDirectory, clientDirectory, new VmId(Guid.Empty.ToString("D")));

    internal static string VmRoot(string runDirectory) => Path.Combine(runDirectory, "vm");

    internal static string Record(VmPaths paths) => Path.Combine(paths.Directory, "vm.json");

    internal static string State(VmPaths paths) => Path.Combine(paths.Directory, "state");

    internal static string Lease(VmPaths paths) => Path.Combine(paths.Directory, "lease.json");

    internal static string PidFile(VmPaths paths) => Path.Combine(paths.Directory, "pid");

    /// <summary>The client's copy of it, of a VM of Kata's shape.</summary>
    internal static string ClientPidFile(VmPaths paths) => Path.Combine(paths.ClientDirectory, "pid");

    /// <summary>The host's end of an agent's channel, of a VM of Kata's shape: a proxy may be before it.</summary>
    internal static string AgentPort(VmPaths paths) => Path.Combine(paths.ClientDirectory, "kata.sock");

    /// <summary>Where a proxy listens.</summary>
    internal static string Proxy(VmPaths paths) => Path.Combine(paths.ClientDirectory, "proxy.sock");

    /// <summary>Where virtiofsd listens.</summary>
    internal static string VirtioFs(VmPaths paths) => Path.Combine(paths.ClientDirectory, "vhost-fs.sock");

    internal static string Log(VmPaths paths) => Path.Combine(paths.Directory, "qemu.log");
}
