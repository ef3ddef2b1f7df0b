using System.Globalization;
using VmCacheCluster.Agent;
using VmCacheCluster.Guest.Sys;

namespace VmCacheCluster.Guest.Services;

/// <summary>Brings vCPUs and memory that QEMU has plugged in into use.</summary>
internal static class HotPlug
{
    private const string Cpus = "/sys/devices/system/cpu";
    private const string Memory = "/sys/devices/system/memory";
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Brings all vCPUs and memory blocks online that are there, and waits until the vCPUs are as many as wanted and all
    /// memory that is plugged in is taken: QEMU answers before the guest has seen it. Like Kata's agent it always waits,
    /// whatever the request's wait says.
    /// </summary>
    /// <param name="wanted">How many vCPUs are to be online in all; 0 for those that are there.</param>
    /// <exception cref="TtrpcStatusException">FAILED_PRECONDITION, with what is online and what is missing.</exception>
    public static async ValueTask OnlineAsync(uint wanted, bool cpuOnly, CancellationToken cancellation)
    {
        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            var missing = Missing(wanted, cpuOnly);
            if (missing is null) return;
            if (Environment.TickCount64 > deadline)
                throw new TtrpcStatusException(TtrpcStatusCode.FailedPrecondition, $"after {Patience.TotalSeconds:0} s {missing}");
            await Task.Delay(Step, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The size of a memory block in bytes, 0 when the kernel cannot take memory at run time.</summary>
    public static ulong MemoryBlockSize() =>
        ulong.TryParse(
            Descriptor.ReadSmallFile(Memory + "/block_size_bytes"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size) ? size : 0;

    /// <summary>What the kernel could give to something new, in bytes; 0 when it does not say.</summary>
    public static ulong AvailableMemory()
    {
        const string line = "MemAvailable:";
        var lines = (Descriptor.ReadSmallFile("/proc/meminfo") ?? "").Split('\n');
        var kibibytes = lines.FirstOrDefault(l => l.StartsWith(line, StringComparison.Ordinal))?[line.Length..].Replace("kB", "", StringComparison.Ordinal);
        return ulong.TryParse(kibibytes, CultureInfo.InvariantCulture, out var available) ? available * 1024 : 0;
    }

    public static bool SupportsProbe() => File.Exists(Memory + "/probe");

    /// <summary>Brings online what can be.</summary>
    /// <returns>What is still missing, or null.</returns>
    private static string? Missing(uint wanted, bool cpuOnly)
    {
        var (_, refusal) = OnlineAll(Cpus, "cpu");
        var online = CpuList.Count(Descriptor.ReadSmallFile(Cpus + "/online") ?? "");
        var faults = new List<string>();
        if (online < wanted) faults.Add($"only {online} of {wanted} vCPUs are online{(refusal is null ? "" : $" ({refusal})")}");
        if (!cpuOnly)
        {
            // Counted first: what is taken between the two is seen by the second.
            if (MemoryDevices.CountAwaited() is > 0 and var devices)
                faults.Add($"the kernel has not taken the memory of {devices} plugged device(s); their sizes must be multiples of {MemoryBlockSize() >> 20} MiB");
            if (OnlineAll(Memory, "memory") is (> 0 and var blocks, var why)) faults.Add($"{blocks} memory block(s) are offline ({why})");
        }

        return faults.Count == 0 ? null : string.Join(", and ", faults);
    }

    /// <returns>How many stay offline, and the kernel's words for the last of them. It may take at the next try what it
    /// refuses now.</returns>
    private static (int Offline, string? Refusal) OnlineAll(string root, string prefix)
    {
        var (offline, refusal) = (0, (string?)null);
        foreach (var directory in Directory.Exists(root) ? Directory.GetDirectories(root, prefix + "*") : [])
        {
            if (!uint.TryParse(Path.GetFileName(directory.AsSpan())[prefix.Length..], CultureInfo.InvariantCulture, out _)) continue;
            if (Descriptor.ReadSmallFile(directory + "/online") != "0") continue;
            try
            {
                Descriptor.WriteSmallFile(directory + "/online", "1");
            }
            catch (LinuxException fault)
            {
                offline++;
                refusal = fault.Message;
            }
        }

        return (offline, refusal);
    }
}
