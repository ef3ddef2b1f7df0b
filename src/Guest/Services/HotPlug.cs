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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Waits for vCPUs to appear (QEMU answers before the guest has seen them) and brings them online, then the
    /// memory that is there. Like Kata's agent it always waits, whatever the request's wait says.</summary>
    /// <param name="count">How many vCPUs to bring online; 0 for those that are there.</param>
    /// <exception cref="TtrpcStatusException">DEADLINE_EXCEEDED when too few appeared.</exception>
    public static async ValueTask OnlineAsync(uint count, bool cpuOnly, CancellationToken cancellation)
    {
        var patience = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        var most = count == 0 ? uint.MaxValue : count;
        for (var online = OnlineAll(Cpus, "cpu", most); online < count; online += OnlineAll(Cpus, "cpu", most - online))
        {
            if (Environment.TickCount64 > patience)
                throw new TtrpcStatusException(
                    TtrpcStatusCode.DeadlineExceeded,
                    $"only {online} of {count} vCPUs came online within {Patience.TotalSeconds:0} s: were as many plugged in?");
            await Task.Delay(Step, cancellation).ConfigureAwait(false);
        }

        if (!cpuOnly) OnlineAll(Memory, "memory", uint.MaxValue);
    }

    /// <summary>The size of a memory block in bytes, 0 when the kernel cannot take memory at run time.</summary>
    public static ulong MemoryBlockSize() =>
        ulong.TryParse(
            Descriptor.ReadSmallFile(Memory + "/block_size_bytes"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size) ? size : 0;

    public static bool SupportsProbe() => File.Exists(Memory + "/probe");

    private static uint OnlineAll(string root, string prefix, uint most)
    {
        uint done = 0;
        foreach (var directory in Directory.Exists(root) ? Directory.GetDirectories(root, prefix + "*") : [])
        {
            if (done == most) break;
            if (!uint.TryParse(Path.GetFileName(directory.AsSpan())[prefix.Length..], CultureInfo.InvariantCulture, out _)) continue;
            if (Descriptor.ReadSmallFile(directory + "/online") != "0") continue;
            Descriptor.WriteSmallFile(directory + "/online", "1");
            done++;
        }

        return done;
    }
}
