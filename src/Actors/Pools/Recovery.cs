using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What becomes of a VM without an actor.</summary>
public static class Recovery
{
    /// <summary>A VM that was or may have been handed out belongs to its holder, as long as it lives. Any other is ended.</summary>
    public static bool IsHandedOut(FoundVm found) => found is
    {
        Alive: true, Facts: not null,
        Mark.Ownership: VmOwnership.Reserved or VmOwnership.Unconfirmed or VmOwnership.Confirmed,
    };

    /// <summary>The VM's record if it is handed out; else it is ended, and the answer is null.</summary>
    public static async Task<FoundVm?> TakeAsync(IHypervisor hypervisor, VmId id)
        => (await TakeAsync(hypervisor, f => f.Id == id).ConfigureAwait(false)).FirstOrDefault();

    /// <summary>The records of a pool's VMs that are handed out; its other VMs are ended.</summary>
    public static Task<IReadOnlyList<FoundVm>> TakeAllAsync(IHypervisor hypervisor, PoolName pool)
        => TakeAsync(hypervisor, f => f.Facts?.Spec.Pool == pool);

    private static async Task<IReadOnlyList<FoundVm>> TakeAsync(IHypervisor hypervisor, Func<FoundVm, bool> mine)
    {
        var found = (await hypervisor.FindAsync(CancellationToken.None).ConfigureAwait(false)).Where(mine).ToLookup(IsHandedOut);
        foreach (var nobodys in found[false])
        {
            await hypervisor.ReapAsync(nobodys, CancellationToken.None).ConfigureAwait(false);
        }

        return [.. found[true]];
    }
}
