namespace VmCacheCluster.Domain;

/// <summary>The host's memory at one moment.</summary>
/// <param name="AvailableBytes">What can be had without swapping (MemAvailable).</param>
/// <param name="Stalled">The share of the last ten seconds, from 0 to 1, in which some process waited for memory (PSI); null: not known.</param>
/// <param name="TotalBytes">All of it (MemTotal).</param>
public readonly record struct HostMemory(long AvailableBytes, double? Stalled, long TotalBytes = long.MaxValue);

/// <summary>When no more VMs are made.</summary>
/// <param name="ReserveBytes">So much stays available.</param>
/// <param name="MostStalled">From 0 to 1, see <see cref="HostMemory.Stalled"/>; null: it does not count.</param>
public sealed record MemoryLimits(long ReserveBytes, double? MostStalled);

/// <summary>Whether a host has the memory for one more VM: it stops making them before it has to swap.</summary>
public static class MemoryPolicy
{
    private const long MiB = 1024 * 1024;

    /// <summary>QEMU's own, and half as much again: measured were 30 MiB.</summary>
    private const long Overhead = 48 * MiB;

    /// <summary>Bytes that a VM takes by the time it is warm. Most of a clone's memory is its template's.</summary>
    public static long NeedOf(VmSpec spec, bool clone) => clone ? Overhead : spec.MemoryMiB * MiB + Overhead;

    /// <summary>The most warm VMs that the host has the memory for, should all of them take all of theirs one day.</summary>
    /// <param name="there">VMs that are warm or being made.</param>
    public static int RoomFor(VmSpec spec, int there, HostMemory memory)
        => (int)Math.Min(there + (memory.AvailableBytes / NeedOf(spec, clone: false)), Math.Min(int.MaxValue, memory.TotalBytes / (spec.MemoryMiB * MiB)));

    /// <summary>Why no VM may be made now; null: one may.</summary>
    /// <param name="promised">Bytes for VMs that are being made and have not taken all of it yet.</param>
    /// <param name="need">Bytes for this one.</param>
    public static string? Obstacle(HostMemory memory, MemoryLimits limits, long promised, long need)
    {
        if (memory.Stalled > limits.MostStalled)
            return $"the host is short of memory: its processes waited for it {memory.Stalled:P0} of the time, more than memory-pressure = {limits.MostStalled:P0}";
        return memory.AvailableBytes - promised - need >= limits.ReserveBytes ? null
            : $"the host is short of memory: {memory.AvailableBytes / MiB} MiB are available, {(promised + need) / MiB} MiB are needed for VMs, "
                + $"and {limits.ReserveBytes / MiB} MiB are kept free (memory-reserve)";
    }
}
