using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What a VmActor is to make, or to go on with.</summary>
/// <param name="Found">A VM that an earlier process of the daemon left, to be adopted; null: make a new one.</param>
/// <param name="Grace">How long a holder may wait before it acts.</param>
/// <param name="BootTimeout">From the start of QEMU until its agent answers; also the bound of each step after that.</param>
/// <param name="Lease">How long its lease may live.</param>
/// <param name="Door">Its pool's; its callers learn it.</param>
/// <param name="Template">What it is to be cloned from; null: it boots.</param>
/// <param name="Prime">A clone is to be made one of its own before it is warm.</param>
/// <param name="Priority">While it is made.</param>
/// <param name="Ending">The found VM is nobody's, and is to be ended: with what was in the way when that was tried; null: it is adopted.</param>
public sealed record VmPlan(
    VmId Id, VmSpec Spec, FoundVm? Found, TimeSpan Grace, TimeSpan BootTimeout, LeaseLimits Lease, PoolDoor Door, Template? Template = null, bool Prime = true,
    VmPriority Priority = VmPriority.Background, VmEnding? Ending = null)
{
    /// <summary>How long it may be held through Kata's call when nobody is connected to it; null: for ever.</summary>
    public TimeSpan? HeldLimit { get; init; }
}

/// <summary>The outside world, as VmActors reach it.</summary>
/// <param name="Templates">Null: this host makes none, and its VMs boot.</param>
public sealed record VmPorts(IHypervisor Hypervisor, IHostClock Clock, TimeProvider Time, ITemplates? Templates = null)
{
    /// <summary>How many VMs are taken over at once.</summary>
    private const int TakeOversAtOnce = 16;

    /// <summary>The other hosts, from which templates come; null: there are none.</summary>
    public ITemplatePeers? Peers { get; init; }

    /// <summary>Shared by the VMs of a host.</summary>
    public SilentEnds SilentEnds { get; } = new();

    /// <summary>Shared by the VMs of a host: a take-over waits for the monitor, and hundreds at once would all be slow.</summary>
    public SemaphoreSlim TakeOvers { get; } = new(TakeOversAtOnce);
}

internal static class Failures
{
    /// <summary>Of a VM that could not be made.</summary>
    public static VmInput NotMade(Exception e, TimeSpan limit)
        => new VmInput.OperationFailed(From(e, limit), ((e as AggregateException)?.InnerException ?? e) is VmFailedException { Left: { } left } ? left : null);

    /// <param name="limit">The deadline of the operation, named when that is what ended it.</param>
    public static VmFailure From(Exception e, TimeSpan limit) => e switch
    {
        AggregateException { InnerException: { } inner } => From(inner, limit),
        VmFailedException failed => failed.Failure,
        OperationCanceledException => new VmFailure(
            VmFailureKind.Cancelled, $"it was given up, at the latest after {limit.TotalSeconds:0.###} s"),
        IOException io => new VmFailure(VmFailureKind.Host, io.Message),
        _ => new VmFailure(VmFailureKind.Internal, $"{e.GetType().Name}: {e.Message}"),
    };
}
