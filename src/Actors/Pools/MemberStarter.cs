using Akka.Actor;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Starts the actor of a VM that is to be made, or goes on. Part of the pool's actor, and used by it alone.</summary>
internal sealed class MemberStarter(PoolSettings settings, PoolSurroundings around, IUntypedActorContext context, PoolDoor door)
{
    /// <param name="found">A VM that goes on; null: one is made.</param>
    /// <param name="template">What it is cloned from; null: it boots.</param>
    /// <param name="priority">While it is made.</param>
    /// <param name="ending">It is to be ended, with what was in the way of that; null: it is not.</param>
    public Member Start(VmId id, VmSpec spec, FoundVm? found, Template? template, VmPriority priority, VmEnding? ending)
    {
        var options = settings.Options;
        var plan = new VmPlan(id, spec, found, options.GracePeriod, options.BootTimeout, options.Lease, door, template, options.Prime, priority, ending)
        {
            HeldLimit = options.HeldLimit,
        };
        var ports = around.Ports;
        var actor = context.Watch(context.ActorOf(Props.Create(() => new VmActor(plan, ports)), id.Value));
        // What is in the way is told by its actor.
        var life = ending is not null ? new VmLife(VmPhase.Stopping, Ending: ending with { Obstacle = null })
            : found is null ? template is null ? VmLife.New : VmLife.NewClone : VmLifecycle.WhileTakenOver(found.Mark!);
        var member = new Member(id, actor, spec, life)
        {
            Facts = found?.Facts, Lease = found?.HeldBy, Size = found?.Size, WarmBefore = WarmBefore(found),
            MadeBy = found?.Facts?.MadeBy ?? (template is null ? MadeBy.Boot : MadeBy.Clone),
        };
        if (found is { HeldBy: { } known, Mark: { } mark })
        {
            var held = new HeldLease(known);
            held.Restore(mark.Expires, ports);
            member.ExpiresAt = held.ExpiresAt;
        }

        member.Hurried = priority == VmPriority.Normal;
        return member;
    }

    private TimeSpan WarmBefore(FoundVm? found)
    {
        var now = around.Ports.Clock.Now;
        return found?.Mark is { Ownership: VmOwnership.Warm } mark && mark.Since.BootId == now.BootId ? now.SinceBoot - mark.Since.SinceBoot : TimeSpan.Zero;
    }
}
