using System.Runtime.InteropServices;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway;

/// <summary>Gives memory back to the host when a flood of calls is over.</summary>
internal sealed partial class QuietMemory(TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var due = new MemoryReturn();
        using var timer = new PeriodicTimer(MemoryReturn.Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (due.IsDue(GC.GetTotalAllocatedBytes())) GiveBack();
        }
    }

    private static void GiveBack()
    {
        // Aggressive: what is free is unmapped, too, and not kept for the next allocations.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        // Sockets, TLS and the runtime itself allocate there, and free memory in the middle of an arena is given back by this alone.
        _ = Trim(0);
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nint pad);
}
