using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>To the gateway, from a client's call: a base VM of a pool. The ticket is answered by
/// <see cref="BaseVmGranted"/> or <see cref="AcquireRefused"/>, at the latest after <paramref name="Wait"/>.</summary>
/// <param name="Wait">How long the caller waits in the queue of an empty pool.</param>
public sealed record AcquireBaseVm(AcquireTicket Ticket, PoolName Pool, HandOutPath Path, TimeSpan Wait);

/// <summary>To the gateway: the caller has left and abandoned its ticket.</summary>
public sealed record AcquireAbandoned(AcquireTicket Ticket, PoolName Pool);

public interface IAcquireAnswer;

/// <summary>A VM is promised to the caller, who now tells it which of the two became of it:
/// <see cref="Vms.DeliverVm"/> or <see cref="Vms.ReturnVm"/>.</summary>
/// <param name="Pool">Whom to ask the next time; it lives as long as the gateway.</param>
public sealed record BaseVmGranted(VmFacts Facts, Served Served, TimeSpan Grace, IActorRef Vm, IActorRef Pool) : IAcquireAnswer;

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
public sealed record AcquireRefused(RefusalKind Kind, string Reason, TimeSpan RetryAfter) : IAcquireAnswer;

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
