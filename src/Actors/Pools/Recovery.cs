using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What becomes of VMs without an actor, by <see cref="AdoptionRules"/>.</summary>
internal static class Recovery
{
    /// <summary>The VM's record if it is somebody's; else it is ended, and the answer is null.</summary>
    /// <param name="node">Told what cannot be known to be anybody's.</param>
    public static async Task<FoundVm?> TakeAsync(IHypervisor hypervisor, VmId id, IActorRef node, ILoggingAdapter log)
    {
        // Without a pool to go back to a warm VM is nobody's: its actor has failed, and might do so again and again.
        var taken = await TakeAsync(hypervisor, f => f.Id == id, wanted: null, node, log).ConfigureAwait(false);
        return taken.FirstOrDefault();
    }

    /// <summary>The records of a pool's VMs that go on; its other VMs are ended.</summary>
    /// <param name="node">Told what cannot be known to be anybody's.</param>
    public static Task<IReadOnlyList<FoundVm>> TakeAllAsync(IHypervisor hypervisor, VmSpec wanted, IActorRef node, ILoggingAdapter log)
        => TakeAsync(hypervisor, f => f.Facts?.Spec.Pool == wanted.Pool, wanted, node, log);

    private static async Task<IReadOnlyList<FoundVm>> TakeAsync(IHypervisor hypervisor, Func<FoundVm, bool> mine, VmSpec? wanted, IActorRef node, ILoggingAdapter log)
    {
        var judged = (await hypervisor.FindAsync(CancellationToken.None).ConfigureAwait(false)).Where(mine)
            .Select(f => (Found: f, Verdict: AdoptionRules.Classify(f, wanted))).ToList();
        var found = judged.ToLookup(j => j.Verdict.What, j => j.Found);
        List<(FoundVm, string)> astray = [.. judged.Where(j => j.Verdict.What == Adoption.Quarantine).Select(j => (j.Found, j.Verdict.Reason))];
        if (astray.Count > 0) node.Tell(new VmsFoundAstray(astray), ActorRefs.NoSender);
        foreach (var nobodys in found[Adoption.Reap])
        {
            try
            {
                await hypervisor.ReapAsync(nobodys, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                // One that does not go must not keep the others from going on; the next start tries again.
                log.Warning("VM {0} could not be ended: {1}", nobodys.Id, e.Message);
            }
        }

        return [.. found[Adoption.Adopt]];
    }
}
