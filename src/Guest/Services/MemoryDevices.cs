using System.Globalization;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>The machine's memory devices, as ACPI has them: it knows one from the moment it is plugged in, and the kernel
/// links it to its memory blocks when it has taken its memory and brought it online.</summary>
internal static class MemoryDevices
{
    private const string Devices = "/sys/bus/acpi/devices";
    private const uint Plugged = 0xF; // present, enabled, shown, functioning

    /// <summary>How many are plugged in whose memory the kernel has not taken (yet).</summary>
    public static int CountAwaited()
    {
        var awaited = 0;
        foreach (var device in Directory.Exists(Devices) ? Directory.GetDirectories(Devices, "PNP0C80:*") : [])
        {
            if (uint.TryParse(Descriptor.ReadSmallFile(device + "/status"), CultureInfo.InvariantCulture, out var status)
                && (status & Plugged) == Plugged && !Path.Exists(device + "/physical_node"))
                awaited++;
        }

        return awaited;
    }
}
