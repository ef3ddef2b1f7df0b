using Akka.Actor;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whether a pool takes callers and makes VMs, and if not, why.</summary>
/// <param name="retired">Why there is no such pool any more; null: there is.</param>
internal sealed class PoolGate(string? retired)
{
    /// <summary>Why there is no such pool any more; null: there is.</summary>
    public string? Retired { get; set; } = retired;

    /// <summary>Why its warm VMs are given up; null: they are not.</summary>
    public string? Drained { get; set; }

    /// <summary>Why no more are kept warm; null: they are.</summary>
    public string? Cordoned { get; private set; }

    /// <summary>Who is to be told when the pool has stopped, because the daemon ends; null: it does not.</summary>
    public IActorRef? StopAsker { get; set; }

    public bool Stopping => StopAsker is not null;

    /// <param name="reason">Null: it is neither cordoned nor drained any more.</param>
    public void Cordon(string? reason)
    {
        Cordoned = reason;
        if (reason is null) Drained = null;
    }

    /// <summary>Why its warm VMs are given up; null: they are not.</summary>
    public string? GivenUp => Retired ?? Drained;

    /// <summary>Why nobody is served here any more; null: callers are.</summary>
    public string? Closed => Stopping ? "the daemon is stopping" : GivenUp;
}
