using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whom a pool talks to.</summary>
/// <param name="Journal">Where what happens to VMs is told to watchers.</param>
/// <param name="Random">In [0, 1); for the jitter of the back-off.</param>
public sealed record PoolSurroundings(
    IActorRef Gateway, IActorRef BootSlots, IActorRef Accelerators, VmPorts Ports, EventJournal Journal, Func<double> Random)
{
    /// <summary>What becomes of templates that no pool wants.</summary>
    public required TemplateLimits Templates { get; init; }

    /// <summary>VMs that may be somebody's, and no pool's any more.</summary>
    public Quarantine Quarantine { get; init; } = new();

    /// <summary>Names a new VM.</summary>
    public Func<VmId> NewId { get; init; } = VmId.New;
}
