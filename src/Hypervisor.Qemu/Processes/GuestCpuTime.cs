using System.Globalization;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// What a QEMU's vCPU threads have used of the host's CPUs. They are known by their names ("CPU 0/TCG", "CPU 1/KVM"),
/// which QEMU gives them with debug-threads=on.
/// </summary>
internal static class GuestCpuTime
{
    private const string VcpuPrefix = "CPU ";

    /// <summary>To the nanosecond; null when the process is gone or its threads have no names.</summary>
    public static TimeSpan? Read(int pid)
    {
        try
        {
            long? total = null;
            foreach (var thread in Directory.EnumerateDirectories($"/proc/{pid}/task"))
                if (File.ReadAllText($"{thread}/comm").StartsWith(VcpuPrefix, StringComparison.Ordinal))
                    total = (total ?? 0) + Nanoseconds(File.ReadAllText($"{thread}/schedstat"));
            return total is { } sum ? TimeSpan.FromTicks(sum / TimeSpan.NanosecondsPerTick) : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The first of schedstat's three numbers. /proc/PID/stat has clock ticks of 10 ms, in which a guest can do a lot.</summary>
    private static long Nanoseconds(string schedstat) =>
        long.Parse(schedstat.AsSpan(0, schedstat.IndexOf(' ')), NumberStyles.None, CultureInfo.InvariantCulture);
}
