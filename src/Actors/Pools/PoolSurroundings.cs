using Akka.Actor;
using VmCacheCluster.Actors.Vms;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whom a pool talks to.</summary>
/// <param name="Random">In [0, 1); for the jitter of the back-off.</param>
public sealed record PoolSurroundings(
    IActorRef Gateway, IActorRef BootSlots, IActorRef Accelerators, VmPorts Ports, Func<double> Random);
