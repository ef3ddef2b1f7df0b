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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Brings all vCPUs and memory blocks online that are there, and waits until the vCPUs are as many as wanted: QEMU
    /// answers before the guest has seen what it plugged in. Like Kata's agent it always waits, whatever the request's wait
    /// says.
    /// </summary>
    /// <param name="wanted">How many vCPUs are to be online in all; 0 for those that are there.</param>
    /// <exception cref="TtrpcStatusException">DEADLINE_EXCEEDED, with what is online and what is not.</exception>
    public static async ValueTask OnlineAsync(uint wanted, bool cpuOnly, CancellationToken cancellation)
    {
        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            var (_, refusal) = OnlineAll(Cpus, "cpu");
            var (offline, memoryRefusal) = cpuOnly ? default : OnlineAll(Memory, "memory");
            var online = CpuList.Count(Descriptor.ReadSmallFile(Cpus + "/online") ?? "");
            if (online >= wanted && offline == 0) return;
            if (Environment.TickCount64 > deadline)
                throw new TtrpcStatusException(TtrpcStatusCode.DeadlineExceeded, TooFew(online, wanted, offline, refusal ?? memoryRefusal));
            await Task.Delay(Step, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>The size of a memory block in bytes, 0 when the kernel cannot take memory at run time.</summary>
    public static ulong MemoryBlockSize() =>
        ulong.TryParse(
            Descriptor.ReadSmallFile(Memory + "/block_size_bytes"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size) ? size : 0;

    public static bool SupportsProbe() => File.Exists(Memory + "/probe");

    private static string TooFew(int online, uint wanted, int offline, string? refusal)
    {
        var cpus = online >= wanted ? $"{online} vCPUs are online" : $"only {online} of {wanted} vCPUs are online (were as many plugged in?)";
        var memory = offline == 0 ? "" : $", {offline} memory blocks are not";
        return $"after {Patience.TotalSeconds:0} s {cpus}{memory}{(refusal is null ? "" : $": {refusal}")}";
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
