using System.Globalization;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What the configuration depends on of the host.</summary>
/// <param name="Cores">Logical CPUs.</param>
/// <param name="MemoryMiB">MemTotal of /proc/meminfo.</param>
/// <param name="GuestDirectory">Where the embedded guest's vmlinuz and initrd.img are.</param>
/// <param name="DefaultFile">Read when it exists and no file is named.</param>
public sealed record HostFacts(int Cores, long MemoryMiB, string GuestDirectory, string DefaultFile)
{
    /// <summary>Where the embedded guest is looked for: beside the program, where build.sh leaves it, and where a package puts it.</summary>
    public static IReadOnlyList<string> GuestDirectories { get; } = [Path.Combine(AppContext.BaseDirectory, "guest"), "/usr/share/vmcache/guest"];

    public static HostFacts Read()
    {
        var guest = GuestDirectories.FirstOrDefault(d => File.Exists(Path.Combine(d, "vmlinuz"))) ?? GuestDirectories[0];
        var total = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        var kib = long.Parse(total.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return new HostFacts(
            Environment.ProcessorCount, kib / 1024, guest, "/etc/vmcache/vmcache.conf");
    }
}
