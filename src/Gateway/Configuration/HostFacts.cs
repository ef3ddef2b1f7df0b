using System.Globalization;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What the configuration depends on of the host.</summary>
/// <param name="Cores">Logical CPUs.</param>
/// <param name="MemoryMiB">MemTotal of /proc/meminfo.</param>
/// <param name="GuestDirectory">Where the embedded guest's vmlinuz and initrd.img are.</param>
/// <param name="DefaultFile">Read when it exists and no file is named.</param>
public sealed record HostFacts(int Cores, long MemoryMiB, string GuestDirectory, string DefaultFile)
{
    private const string Installed = "/usr/share/vmcache/guest";

    public static HostFacts Read()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, "guest");
        var useInstalled = !File.Exists(Path.Combine(beside, "vmlinuz")) && Directory.Exists(Installed);
        var total = File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        var kib = long.Parse(total.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return new HostFacts(
            Environment.ProcessorCount, kib / 1024, useInstalled ? Installed : beside, "/etc/vmcache/vmcache.conf");
    }
}
