using Akka.Event;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using Failures = VmCacheCluster.Actors.Vms.Failures;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What becomes of VMs without an actor, by <see cref="AdoptionRules"/>.</summary>
internal static class Recovery
{
    /// <summary>The VM's record if it is somebody's; else it is ended.</summary>
    /// <param name="log">Told of VMs that may be somebody's and cannot go on.</param>
    public static Task<RecoveredVms> TakeAsync(PoolSurroundings around, VmId id, ILoggingAdapter log)
        // Without a pool to go back to a warm VM is nobody's: its actor has failed, and might do so again and again.
        => TakeAsync(around, f => f.Id == id, wanted: null, log);

    /// <summary>The records of a pool's VMs that go on; its other VMs are ended.</summary>
    /// <param name="had">Those that the pool had: one without a readable record does not say whose it is, and may be another pool's.</param>
    /// <param name="log">Told of VMs that may be somebody's and cannot go on.</param>
    public static Task<RecoveredVms> TakeAllAsync(PoolSurroundings around, VmSpec wanted, IReadOnlySet<VmId> had, ILoggingAdapter log)
        => TakeAsync(around, f => f.Facts is { } facts ? facts.Spec.Pool == wanted.Pool : had.Contains(f.Id), wanted, log);

    /// <returns>Null: it is ended.</returns>
    public static async Task<EndFoundVm?> EndAsync(IHypervisor hypervisor, FoundVm found, string reason, CancellationToken cancel)
    {
        try
        {
            await hypervisor.ReapAsync(found, cancel).ConfigureAwait(false);
            return null;
        }
        catch (Exception e)
        {
            // Whatever it is, it is this one's: it must not keep the others from going on.
            return new EndFoundVm(found, new VmEnding(reason, VmPhase.Adopting, Obstacle: Failures.From(e, TimeSpan.Zero)));
        }
    }

    private static async Task<RecoveredVms> TakeAsync(PoolSurroundings around, Func<FoundVm, bool> mine, VmSpec? wanted, ILoggingAdapter log)
    {
        var hypervisor = around.Ports.Hypervisor;
        var found = (await hypervisor.FindAsync(CancellationToken.None).ConfigureAwait(false)).Where(mine)
            .Select(f => (Found: f, Verdict: AdoptionRules.Classify(f, wanted))).ToLookup(f => f.Verdict.What);
        // Before anybody who waits for it is served anew.
        around.Quarantine.Add(found[Adoption.Quarantine].Select(f => (f.Found, f.Verdict.Reason)), log);
        foreach (var (vm, _) in found[Adoption.Adopt].Concat(found[Adoption.Reap])) around.Quarantine.Remove(vm.Id);
        // Side by side: each may take its whole deadline, and the pool's callers wait for all.
        var ends = await Task.WhenAll(found[Adoption.Reap].Select(f => EndAsync(hypervisor, f.Found, f.Verdict.Reason, CancellationToken.None))).ConfigureAwait(false);
        return new RecoveredVms([.. found[Adoption.Adopt].Select(f => f.Found)], [.. ends.OfType<EndFoundVm>()]);
    }
}

/// <param name="GoOn">Those that are somebody's, or warm.</param>
/// <param name="Unended">Those that are nobody's and could not be ended yet.</param>
internal sealed record RecoveredVms(IReadOnlyList<FoundVm> GoOn, IReadOnlyList<EndFoundVm> Unended);
