using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What becomes of VMs without an actor, by <see cref="AdoptionRules"/>.</summary>
internal static class Recovery
{
    /// <summary>The VM's record if it is somebody's; else it is ended.</summary>
    public static Task<RecoveredVms> TakeAsync(IHypervisor hypervisor, VmId id)
        // Without a pool to go back to a warm VM is nobody's: its actor has failed, and might do so again and again.
        => TakeAsync(hypervisor, f => f.Id == id, wanted: null);

    /// <summary>The records of a pool's VMs that go on; its other VMs are ended.</summary>
    public static Task<RecoveredVms> TakeAllAsync(IHypervisor hypervisor, VmSpec wanted)
        => TakeAsync(hypervisor, f => f.Facts?.Spec.Pool == wanted.Pool, wanted);

    /// <returns>Null: it is ended.</returns>
    public static async Task<EndFoundVm?> EndAsync(IHypervisor hypervisor, FoundVm found, string reason, CancellationToken cancel)
    {
        try
        {
            await hypervisor.ReapAsync(found, cancel).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is VmFailedException or IOException or UnauthorizedAccessException)
        {
            return new EndFoundVm(found, new VmEnding(reason, VmPhase.Adopting, Obstacle: Failures.From(e, TimeSpan.Zero)));
        }
    }

    private static async Task<RecoveredVms> TakeAsync(IHypervisor hypervisor, Func<FoundVm, bool> mine, VmSpec? wanted)
    {
        var found = (await hypervisor.FindAsync(CancellationToken.None).ConfigureAwait(false)).Where(mine)
            .Select(f => (Found: f, Verdict: AdoptionRules.Classify(f, wanted))).ToLookup(f => f.Verdict.What);
        List<EndFoundVm> unended = [];
        foreach (var (nobodys, verdict) in found[Adoption.Reap])
            // One that does not go must not keep the others from going on.
            if (await EndAsync(hypervisor, nobodys, verdict.Reason, CancellationToken.None).ConfigureAwait(false) is { } left) unended.Add(left);
        return new RecoveredVms([.. found[Adoption.Adopt].Select(f => f.Found)], unended);
    }
}

/// <param name="GoOn">Those that are somebody's, or warm.</param>
/// <param name="Unended">Those that are nobody's and could not be ended yet.</param>
internal sealed record RecoveredVms(IReadOnlyList<FoundVm> GoOn, IReadOnlyList<EndFoundVm> Unended);
