using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.TestSupport.History;

/// <summary>Something that happened to a host and its clients, in the order in which it did. Times are the host's.</summary>
public abstract record HistoryEvent
{
    /// <summary>A VM is about to be made.</summary>
    public sealed record Made(VmId Vm) : HistoryEvent;

    /// <summary>A caller asks for a VM.</summary>
    public sealed record Asked : HistoryEvent;

    /// <summary>A caller who had asked has its answer, or has left.</summary>
    public sealed record Settled : HistoryEvent;

    /// <summary>A caller was told that a VM is its.</summary>
    /// <param name="Holder">Its idempotency key, or a name that no other caller has.</param>
    /// <param name="Token">Null for a client of Kata's interface.</param>
    /// <param name="ConfirmBefore">It may be ended after this unless its holder acts.</param>
    /// <param name="Expires">Null: never.</param>
    public sealed record Granted(VmId Vm, string Holder, LeaseToken? Token, TimeSpan At, TimeSpan ConfirmBefore, TimeSpan? Expires) : HistoryEvent;

    /// <summary>Its holder ran it, or was lent its guest.</summary>
    public sealed record Confirmed(VmId Vm) : HistoryEvent;

    /// <summary>Its holder asks for the lease to go on until then, which may be sooner than it would have ended.</summary>
    public sealed record RenewalAsked(VmId Vm, TimeSpan Expires) : HistoryEvent;

    /// <summary>Its holder was told that the lease goes on.</summary>
    public sealed record Renewed(VmId Vm, TimeSpan Expires) : HistoryEvent;

    /// <summary>Its holder asks for its end.</summary>
    public sealed record Released(VmId Vm) : HistoryEvent;

    /// <summary>Its process ended by itself.</summary>
    public sealed record Died(VmId Vm) : HistoryEvent;

    /// <summary>Somebody ran it while it was in the pool.</summary>
    public sealed record Spoilt(VmId Vm) : HistoryEvent;

    /// <summary>A daemon is about to end it.</summary>
    public sealed record Destroyed(VmId Vm, TimeSpan At) : HistoryEvent;

    /// <summary>From here on the daemon does nothing more.</summary>
    public sealed record DaemonKilled : HistoryEvent;

    public sealed record DaemonStarted : HistoryEvent;

    /// <summary>What the daemon says it has: each VM that is somebody's, with the token of its lease.</summary>
    public sealed record Looked(TimeSpan At, IReadOnlyDictionary<VmId, LeaseToken?> Held) : HistoryEvent;

    public sealed record Counted(int Target, int Warm, int Making) : HistoryEvent;

    /// <summary>Nobody waits, and the pool is at its target.</summary>
    public sealed record AtRest : HistoryEvent;

    /// <summary>The end of the history.</summary>
    /// <param name="Living">VMs with a process or a directory.</param>
    /// <param name="Known">VMs that the daemon says it has.</param>
    public sealed record Ended(IReadOnlyCollection<VmId> Living, IReadOnlyCollection<VmId> Known) : HistoryEvent;
}
