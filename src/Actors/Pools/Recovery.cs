using Akka.Event;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What becomes of VMs without an actor, by <see cref="AdoptionRules"/>.</summary>
internal static class Recovery
{
    /// <summary>The VM's record if it is somebody's; else it is ended, and the answer is null.</summary>
    public static async Task<FoundVm?> TakeAsync(IHypervisor hypervisor, VmId id, ILoggingAdapter log)
    {
        // Without a pool to go back to a warm VM is nobody's: its actor has failed, and might do so again and again.
        var taken = await TakeAsync(hypervisor, f => f.Id == id, wanted: null, log).ConfigureAwait(false);
        return taken.FirstOrDefault();
    }

    /// <summary>The records of a pool's VMs that go on; its other VMs are ended.</summary>
    public static Task<IReadOnlyList<FoundVm>> TakeAllAsync(IHypervisor hypervisor, VmSpec wanted, ILoggingAdapter log)
        => TakeAsync(hypervisor, f => f.Facts?.Spec.Pool == wanted.Pool, wanted, log);

    private static async Task<IReadOnlyList<FoundVm>> TakeAsync(IHypervisor hypervisor, Func<FoundVm, bool> mine, VmSpec? wanted, ILoggingAdapter log)
    {
        var found = (await hypervisor.FindAsync(CancellationToken.None).ConfigureAwait(false)).Where(mine)
            .ToLookup(f => AdoptionRules.Classify(f, wanted).What);
        foreach (var nobodys in found[Adoption.Reap])
        {
            try
            {
                await hypervisor.ReapAsync(nobodys, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is VmFailedException or IOException or UnauthorizedAccessException)
            {
                // One that does not go must not keep the others from going on; the next start tries again.
                log.Warning("VM {0} could not be ended: {1}", nobodys.Id, e.Message);
            }
        }

        return [.. found[Adoption.Adopt]];
    }
}
