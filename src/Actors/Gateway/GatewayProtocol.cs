using Akka.Actor;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>To the gateway, from a client's call: a base VM of a pool. The ticket is answered by
/// <see cref="BaseVmGranted"/> or <see cref="AcquireRefused"/>, at the latest after <paramref name="Wait"/>.</summary>
/// <param name="Wait">How long the caller waits in the queue of an empty pool.</param>
/// <param name="Wish">What a caller of vmcache.v1 asks for; null for Kata's callers, who take a VM as it is.</param>
/// <param name="Failures">VMs that were to be its and failed while they were prepared.</param>
public sealed record AcquireBaseVm(
    AcquireTicket Ticket, PoolName Pool, HandOutPath Path, TimeSpan Wait, LeaseWish? Wish = null, int Failures = 0)
{
    /// <summary>What was wrong with the last VM that was to be its; null: there was none, or nothing was.</summary>
    public VmFailure? Trouble { get; init; }

    /// <summary>The end of its wait (a timestamp); null: nobody has begun to count.</summary>
    public long? Until { get; init; }
}

/// <summary>To the gateway: the caller has left and abandoned its ticket.</summary>
public sealed record AcquireAbandoned(AcquireTicket Ticket, PoolName Pool);

public interface IAcquireAnswer;

/// <summary>A VM is the caller's. Should it turn out that the caller's own caller is gone and was told nothing, the VM is
/// given back by <see cref="Vms.ReturnVm"/>.</summary>
/// <param name="Door">Where to ask the next time.</param>
/// <param name="Lease">For a caller of vmcache.v1; else null.</param>
public sealed record BaseVmGranted(
    VmFacts Facts, Served Served, TimeSpan Grace, IActorRef Vm, PoolDoor Door, LeaseGrant? Lease = null) : IAcquireAnswer;

/// <param name="ConfirmBefore">The holder has to renew or use the VM before this; null: it has.</param>
/// <param name="Timeline">What was done for this caller, in order, with its durations.</param>
public sealed record LeaseGrant(
    LeaseRecord Record, VmSize Size, DateTimeOffset ExpiresAt, DateTimeOffset? ConfirmBefore, IReadOnlyList<StageTime> Timeline);

public sealed record StageTime(string Stage, TimeSpan Took);

public enum RefusalKind
{
    /// <summary>No VM by the deadline, or the queue is full.</summary>
    Exhausted,
    UnknownPool,
    /// <summary>The daemon is starting, stopping or healing: try again soon.</summary>
    Unavailable,
    NotFound,
    /// <summary>The VM is not in a state in which this can be done.</summary>
    WrongState,
    /// <summary>What is asked for can never be.</summary>
    Invalid,
    /// <summary>A VM was spent on it, and could not be given the vCPUs or the memory: another one could not either.</summary>
    NotGrown,
    /// <summary>The token shown is not that of the VM's lease.</summary>
    StaleToken,
    /// <summary>It is done as far as can be, and the daemon goes on trying.</summary>
    Unfinished,
}

/// <param name="Reason">For a person: why, and what the pool is doing about it.</param>
/// <param name="RetryAfter">When it is worth trying again; zero when unknown.</param>
public sealed record AcquireRefused(RefusalKind Kind, string Reason, TimeSpan RetryAfter) : IAcquireAnswer;

/// <summary>To the gateway: destroy a leased VM. Answered by <see cref="VmReleased"/> or <see cref="VmRefused"/>.</summary>
/// <param name="Token">That of the VM's lease; null is enough for a VM that has none (Kata's callers).</param>
public sealed record ReleaseVm(VmId Id, LeaseToken? Token = null);

public sealed record VmReleased(VmId Id);

/// <summary>To the gateway: the lease goes on, for its TTL or another one. Answered by <see cref="LeaseRenewed"/> or
/// <see cref="VmRefused"/>.</summary>
public sealed record RenewLease(VmId Id, LeaseToken Token, TimeSpan? Ttl);

public sealed record LeaseRenewed(VmId Id, DateTimeOffset ExpiresAt, TimeSpan Ttl);

/// <summary>To the gateway: the guest of a leased VM, which is thereby confirmed. Answered by <see cref="GuestLent"/> or
/// <see cref="VmRefused"/>.</summary>
public sealed record UseGuest(VmId Id, LeaseToken Token);

/// <param name="Guest">Shared by all who borrow it, and not theirs to dispose.</param>
public sealed record GuestLent(VmId Id, IGuest Guest);

/// <summary>To the gateway: a socket of a leased VM, which is thereby confirmed. Answered by <see cref="SocketLent"/> or
/// <see cref="VmRefused"/>.</summary>
public sealed record UseSocket(VmId Id, LeaseToken Token, VmSocket Socket);

/// <param name="Address">Of the socket, as <see cref="VmPaths.Of"/> has it.</param>
/// <param name="Over">Ends when the holder is one no longer, with what it is told then. Never fails.</param>
public sealed record SocketLent(VmId Id, string Address, Task<VmRefused> Over);

/// <summary>To the gateway: one VM. Answered by <see cref="VmView"/> or <see cref="VmRefused"/>.</summary>
public sealed record GetVm(VmId Id);

public sealed record VmRefused(VmId Id, RefusalKind Kind, string Reason);

/// <summary>To the gateway: end a quarantined VM. Answered by <see cref="VmReaped"/> or <see cref="VmRefused"/>.</summary>
public sealed record ReapVm(VmId Id);

public sealed record VmReaped(VmId Id);

/// <summary>To the gateway: forget that KVM refused guests, and prove it anew at once for all pools of this host that are to use it and do not.
/// Answered by <see cref="KvmProofsBegun"/> or <see cref="KvmNotProved"/>.</summary>
public sealed record ProveKvmAnew
{
    public static readonly ProveKvmAnew Instance = new();
}

/// <param name="Pools">Whose guests are proved, one after the other.</param>
public sealed record KvmProofsBegun(IReadOnlyList<PoolName> Pools);

public sealed record KvmNotProved(string Reason);

/// <summary>A VM of which it cannot be known whose it is: neither served nor ended until an operator ends it.</summary>
/// <param name="Pool">Null: not known.</param>
/// <param name="Process">Its QEMU; null: none is alive.</param>
public sealed record QuarantinedVm(VmId Id, PoolName? Pool, ProcessIdentity? Process, string Reason);

/// <summary>To the gateway: make no more VMs on this host and give up what is warm; what is leased stays. Answered by
/// <see cref="NodeDrained"/>.</summary>
public sealed record DrainNode
{
    public static readonly DrainNode Instance = new();
}

/// <param name="GivenUp">VMs that were warm or being made, and now end.</param>
/// <param name="Leased">VMs that their holders keep.</param>
public sealed record NodeDrained(int GivenUp, int Leased);

/// <summary>To the gateway: keep no more VMs warm on this host than there are, and give none to callers of other hosts. Answered by
/// <see cref="NodeCordoned"/>.</summary>
/// <param name="On">False: that is over, and so is a drain.</param>
public sealed record CordonNode(bool On);

public sealed record NodeCordoned
{
    public static readonly NodeCordoned Instance = new();
}

/// <summary>To the gateway: these, and no others, are this host's pools from now on. Answered by <see cref="PoolsApplied"/> once every pool
/// has been told.</summary>
public sealed record ApplyPools(IReadOnlyList<PoolOptions> Pools);

public sealed record PoolsApplied
{
    public static readonly PoolsApplied Instance = new();
}

/// <summary>To the gateway: every pool's state. Answered by <see cref="NodeView"/>.</summary>
public sealed record GetNodeView
{
    public static readonly GetNodeView Instance = new();
}

/// <summary>To the gateway: one pool's state. Answered by <see cref="PoolView"/>, or null-like <see cref="PoolUnknown"/>.</summary>
public sealed record GetPoolView(PoolName Pool);

public sealed record PoolUnknown(PoolName Pool);

/// <param name="Starting">What earlier VMs are still being looked at; the pools are not open yet.</param>
public sealed record NodeView(IReadOnlyList<PoolView> Pools, bool Starting)
{
    public IReadOnlyList<QuarantinedVm> Quarantined { get; init; } = [];

    /// <summary>Why this node does not serve; null: it does.</summary>
    public string? Trouble { get; init; }
}

/// <summary>A pool, as its status shows it.</summary>
/// <param name="Reason">Why it is not at its target; empty when it is.</param>
/// <param name="Accelerator">Null: not known yet.</param>
public sealed record PoolView(
    PoolName Name, string? Endpoint, int Target, int Warm, int Warming, int Leased, int Waiting, string Reason,
    Accelerator? Accelerator, string AcceleratorReason, IReadOnlyList<VmView> Vms, IReadOnlyList<PoolEvent> Events)
{
    /// <summary>How its next VM is made.</summary>
    public MadeBy Refill { get; init; }

    /// <summary>The template that it clones, or why it boots.</summary>
    public string RefillReason { get; init; } = "";

    /// <summary>What making the last one took, from its start until it was warm; zero: none was made yet.</summary>
    public TimeSpan RefillTime { get; init; }

    /// <summary>Of what shapes its VMs: equal revisions make interchangeable VMs.</summary>
    public string Revision { get; init; } = "";

    /// <summary>How far it is on its way to that revision, or why another one was undone; empty otherwise.</summary>
    public string Rollout { get; init; } = "";

    /// <summary>What its VMs are like; null: not known.</summary>
    public VmSpec? Spec { get; init; }

    /// <summary>The target is this host's share of a total.</summary>
    public bool Shared { get; init; }

    /// <summary>Callers that came since it was started.</summary>
    public long Callers { get; init; }

    /// <summary>It takes callers.</summary>
    public bool Open { get; init; } = true;

    /// <summary>There is no such pool any more, but for VMs of it that are still leased.</summary>
    public bool Retired { get; init; }

    /// <summary>No more VMs are kept warm than there are.</summary>
    public bool Cordoned { get; init; }
}

/// <summary>A VM, as its status shows it.</summary>
/// <param name="Lease">Of a VM handed out by vmcache.v1; else null.</param>
/// <param name="ExpiresAt">When that lease ends; null without one.</param>
/// <param name="Size">As it is now; null: as it was started.</param>
public sealed record VmView(
    VmId Id, PoolName Pool, VmLife Life, VmSpec Spec, VmFacts? Facts, DateTimeOffset? ConfirmBefore, TimeSpan Grace,
    LeaseRecord? Lease = null, DateTimeOffset? ExpiresAt = null, VmSize? Size = null)
{
    /// <summary>How it is or was made.</summary>
    public MadeBy MadeBy { get; init; }

    /// <summary>When it was handed out; null: it is not.</summary>
    public DateTimeOffset? HeldAt { get; init; }
}

/// <summary>Something worth telling an operator. Equal ones in a row are counted, not listed.</summary>
/// <param name="At">When it last happened.</param>
/// <param name="Vm">The last VM that it befell; null when it is about the pool.</param>
public sealed record PoolEvent(DateTimeOffset At, VmId? Vm, string What, int Times = 1);
