using Akka.Actor;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whether a pool takes callers and makes VMs, and if not, why.</summary>
internal sealed class PoolGate(string? drained)
{
    /// <summary>Why its warm VMs are given up; null: they are not.</summary>
    public string? Drained { get; set; } = drained;

    /// <summary>Who is to be told when the pool has stopped, because the daemon ends; null: it does not.</summary>
    public IActorRef? StopAsker { get; set; }

    public bool Stopping => StopAsker is not null;

    /// <summary>Why nobody is served here any more; null: callers are.</summary>
    public string? Closed => Stopping ? "the daemon is stopping" : Drained;
}
