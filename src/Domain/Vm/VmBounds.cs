namespace VmCacheCluster.Domain;

/// <summary>What a host lets one VM's QEMU have of it, beside what its guest was promised.</summary>
/// <param name="MemoryBytes">Of the host's memory, with what QEMU itself takes.</param>
/// <param name="Tasks">Threads.</param>
/// <param name="CpuWeight">Its share of busy CPUs against other VMs': 100 for each vCPU.</param>
public sealed record VmBounds(long MemoryBytes, int Tasks, int CpuWeight)
{
    private const long Mebibyte = 1 << 20;

    /// <summary>Of QEMU itself: 40 MiB when it has booted. More is for buffers of devices that are plugged later.</summary>
    private const int OverheadMiB = 256;

    /// <summary>Of TCG's translated code and what describes it.</summary>
    private const int TranslationMiB = 512;

    /// <summary>Page tables of the guest's memory, and more.</summary>
    private const int OverheadShare = 64;

    /// <summary>QEMU's pool for blocking operations has at most 64.</summary>
    private const int OtherTasks = 128;

    private const int MostWeight = 10_000;

    /// <param name="ownPlugs">Its holder plugs memory himself, up to the pool's most, and nobody is told before.</param>
    public static VmBounds Of(VmSpec spec, VmSize size, bool ownPlugs)
    {
        long guest = ownPlugs ? Math.Max(spec.MaxMemoryMiB, size.MemoryMiB) : size.MemoryMiB;
        var own = OverheadMiB + guest / OverheadShare + (spec.Accelerator == Accelerator.Tcg ? TranslationMiB : 0);
        return new VmBounds((guest + own) * Mebibyte, spec.MaxCpus + OtherTasks, Math.Min(100 * Math.Max(size.Cpus, 1), MostWeight));
    }
}
