using Akka.Actor;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Whether a pool takes callers and makes VMs, and if not, why.</summary>
/// <param name="drained">Why it never takes callers; null: it does.</param>
internal sealed class PoolGate(string? drained)
{
    private readonly string? _always = drained;

    /// <summary>Why its warm VMs are given up; null: they are not.</summary>
    public string? Drained { get; set; } = drained;

    /// <summary>Why no more are kept warm; null: they are.</summary>
    public string? Cordoned { get; private set; }

    /// <summary>Who is to be told when the pool has stopped, because the daemon ends; null: it does not.</summary>
    public IActorRef? StopAsker { get; set; }

    public bool Stopping => StopAsker is not null;

    /// <summary>Why nobody is served here any more; null: callers are.</summary>
    /// <param name="reason">Null: it is neither cordoned nor drained any more.</param>
    /// <returns>It was drained, and takes callers again.</returns>
    public bool Cordon(string? reason)
    {
        Cordoned = reason;
        if (reason is not null || Drained is null) return false;
        Drained = _always;
        return _always is null;
    }

    public string? Closed => Stopping ? "the daemon is stopping" : Drained;
}
