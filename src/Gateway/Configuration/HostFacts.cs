using System.Globalization;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Users;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What the configuration depends on of the host.</summary>
/// <param name="Cores">Logical CPUs.</param>
/// <param name="MemoryMiB">MemTotal of /proc/meminfo.</param>
/// <param name="GuestDirectory">Where the embedded guest's vmlinuz and initrd.img are.</param>
/// <param name="DefaultFile">Read when it exists and no file is named.</param>
public sealed record HostFacts(int Cores, long MemoryMiB, string GuestDirectory, string DefaultFile)
{
    /// <summary>The host's name, as uname(1) has it.</summary>
    public string Name { get; init; } = "localhost";

    /// <summary>Its first IP address that is not the loopback's; null: it has none.</summary>
    public string? Address { get; init; }

    /// <summary>/dev/vhost-vsock is there, and this user may open it.</summary>
    public bool HasVsock { get; init; }

    /// <summary>The daemon is root, and so may become other users.</summary>
    public bool IsRoot { get; init; }

    /// <summary>What root lacks to run VMs as other users and to end them, such as CAP_SETUID; null: nothing.</summary>
    public string? MissingCapability { get; init; }

    /// <summary>util-linux's setpriv; null: the host has none.</summary>
    public string? SetPriv { get; init; }

    /// <summary>What a range of users takes from others, for a person; null: nothing.</summary>
    public Func<UserRange, string?> UsersTaken { get; init; } = _ => null;

    /// <summary>Where the embedded guest is looked for: beside the program, where build.sh leaves it, and where a package puts it.</summary>
    public static IReadOnlyList<string> GuestDirectories { get; } = [Path.Combine(AppContext.BaseDirectory, "guest"), "/usr/share/vmcache/guest"];

    public static HostFacts Read()
    {
        var guest = GuestDirectories.FirstOrDefault(d => File.Exists(Path.Combine(d, "vmlinuz"))) ?? GuestDirectories[0];
        var total = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        var kib = long.Parse(total.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return new HostFacts(
            Environment.ProcessorCount, kib / 1024, guest, "/etc/vmcache/vmcache.conf")
        {
            Name = Environment.MachineName,
            Address = FirstAddress(),
            HasVsock = MayOpen(VsockAddress.HostDevice),
            IsRoot = Environment.IsPrivilegedProcess,
            MissingCapability = MissingOf(File.ReadLines("/proc/self/status")),
            SetPriv = SetPrivOf(Environment.GetEnvironmentVariable("PATH") ?? ""),
            UsersTaken = range => HostUsers.Has(range) ? HostUsers.Overlap(range) : "the daemon's user namespace (/proc/self/uid_map) does not have them",
        };
    }

    /// <param name="status">Lines of /proc/self/status.</param>
    internal static string? MissingOf(IEnumerable<string> status)
    {
        var effective = status.FirstOrDefault(line => line.StartsWith("CapEff:", StringComparison.Ordinal))?.Split(':')[1].Trim();
        var held = ulong.TryParse(effective, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits) ? bits : 0;
        (int Bit, string Name)[] needed = [(5, "CAP_KILL"), (6, "CAP_SETGID"), (7, "CAP_SETUID"), (8, "CAP_SETPCAP")];
        return needed.Where(c => (held >> c.Bit & 1) == 0).Select(c => c.Name).FirstOrDefault();
    }

    /// <summary>The name may be BusyBox's, which changes no users.</summary>
    private static string? SetPrivOf(string searchPath) => searchPath.Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Concat(["/usr/bin", "/bin"]).Select(d => Path.Combine(d, "setpriv"))
        .FirstOrDefault(f => File.Exists(f) && new FileInfo(f).ResolveLinkTarget(returnFinalTarget: true)?.Name != "busybox");

    internal static bool MayOpen(string device)
    {
        try
        {
            // Shared: no lock is taken, which QEMU would not look at either.
            using var opened = File.OpenHandle(device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string? FirstAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(i => i.OperationalStatus == OperationalStatus.Up && i.NetworkInterfaceType != NetworkInterfaceType.Loopback)
        .SelectMany(i => i.GetIPProperties().UnicastAddresses)
        .Select(a => a.Address)
        .Where(a => !a.IsIPv6LinkLocal)
        .OrderBy(a => a.AddressFamily == AddressFamily.InterNetwork ? 0 : 1)
        .FirstOrDefault()?.ToString();
}
