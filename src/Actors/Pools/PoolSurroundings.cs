using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whom a pool talks to.</summary>
/// <param name="Journal">Where what happens to VMs is told to watchers.</param>
/// <param name="Random">In [0, 1); for the jitter of the back-off.</param>
public sealed record PoolSurroundings(
    IActorRef Gateway, IActorRef BootSlots, IActorRef Accelerators, VmPorts Ports, EventJournal Journal, Func<double> Random)
{
    /// <summary>How long a template that no pool wants is kept.</summary>
    public required TimeSpan TemplateKeep { get; init; }
}
