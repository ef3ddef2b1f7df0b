using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>To the gateway, from a client's call: a base VM of a pool. Answered to the sender by
/// <see cref="BaseVmGranted"/> or <see cref="AcquireRefused"/>, at the latest after <paramref name="Wait"/>.</summary>
/// <param name="Request">New for every call: what <see cref="BaseVmAnswered"/> and <see cref="BaseVmAbandoned"/> refer to.</param>
/// <param name="Wait">How long the caller waits in the queue of an empty pool.</param>
public sealed record AcquireBaseVm(Guid Request, PoolName Pool, HandOutPath Path, TimeSpan Wait);

/// <summary>A VM is promised to the request; the call must now say which of the two became of it.</summary>
public sealed record BaseVmGranted(Guid Request, VmFacts Facts, Served Served, TimeSpan Grace, IActorRef Vm) : IAcquireAnswer;

/// <summary>To the gateway: the answer to the request is being sent.</summary>
public sealed record BaseVmAnswered(Guid Request);

/// <summary>To the gateway: the call has ended without an answer; its VM, if it has one, goes back.</summary>
public sealed record BaseVmAbandoned(Guid Request);

public interface IAcquireAnswer
{
    Guid Request { get; }
}

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
}

/// <param name="Reason">For a person: why, and what the pool is doing about it.</param>
/// <param name="RetryAfter">When it is worth trying again; zero when unknown.</param>
public sealed record AcquireRefused(Guid Request, RefusalKind Kind, string Reason, TimeSpan RetryAfter) : IAcquireAnswer;

/// <summary>To the gateway: destroy a leased VM. Answered by <see cref="VmReleased"/> or <see cref="VmRefused"/>.</summary>
public sealed record ReleaseVm(VmId Id);

public sealed record VmReleased(VmId Id);

/// <summary>To the gateway: one VM. Answered by <see cref="VmView"/> or <see cref="VmRefused"/>.</summary>
public sealed record GetVm(VmId Id);

public sealed record VmRefused(VmId Id, RefusalKind Kind, string Reason);

/// <summary>To the gateway: every pool's state. Answered by <see cref="NodeView"/>.</summary>
public sealed record GetNodeView
{
    public static readonly GetNodeView Instance = new();
}

/// <summary>To the gateway: one pool's state. Answered by <see cref="PoolView"/>, or null-like <see cref="PoolUnknown"/>.</summary>
public sealed record GetPoolView(PoolName Pool);

public sealed record PoolUnknown(PoolName Pool);

/// <param name="Starting">What earlier VMs are still being looked at; the pools are not open yet.</param>
public sealed record NodeView(IReadOnlyList<PoolView> Pools, bool Starting);

/// <summary>A pool, as its status shows it.</summary>
/// <param name="Reason">Why it is not at its target; empty when it is.</param>
public sealed record PoolView(
    PoolName Name, string? Endpoint, int Target, int Warm, int Warming, int Leased, int Waiting, string Reason,
    Accelerator Accelerator, string AcceleratorReason, IReadOnlyList<VmView> Vms, IReadOnlyList<PoolEvent> Events);

/// <summary>A VM, as its status shows it.</summary>
public sealed record VmView(
    VmId Id, PoolName Pool, VmLife Life, VmSpec Spec, VmFacts? Facts, DateTimeOffset? ConfirmBefore, TimeSpan Grace);

/// <summary>Something worth telling an operator. Equal ones in a row are counted, not listed.</summary>
/// <param name="At">When it last happened.</param>
/// <param name="Vm">The last VM that it befell; null when it is about the pool.</param>
public sealed record PoolEvent(DateTimeOffset At, VmId? Vm, string What, int Times = 1);
