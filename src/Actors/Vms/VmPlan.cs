using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What a VmActor is to make, or to go on with.</summary>
/// <param name="Found">A VM that was handed out before this daemon started; null: make a new one.</param>
/// <param name="Grace">How long a holder may wait before it acts.</param>
/// <param name="BootTimeout">From the start of QEMU until its agent answers; also the bound of each step after that.</param>
/// <param name="Door">Its pool's; its callers learn it.</param>
public sealed record VmPlan(VmId Id, VmSpec Spec, FoundVm? Found, TimeSpan Grace, TimeSpan BootTimeout, PoolDoor Door);

/// <summary>The outside world, as VmActors reach it.</summary>
public sealed record VmPorts(IHypervisor Hypervisor, IHostClock Clock, TimeProvider Time);

internal static class Failures
{
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
