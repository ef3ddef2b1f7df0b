using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Where callers of a pool ask: its shelf, and when that is empty its actor, which lives as long as the gateway.</summary>
public sealed record PoolDoor(IActorRef Pool, WarmShelf Shelf)
{
    public void Ask(AcquireBaseVm caller)
    {
        if (!Shelf.TryServe(caller, Served.Warm)) Pool.Tell(caller, ActorRefs.NoSender);
    }
}
