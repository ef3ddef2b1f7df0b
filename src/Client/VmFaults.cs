using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Client;

/// <summary>Failures of a VM itself (its monitor, its agent) as <see cref="VmCacheException"/>.</summary>
internal static class VmFaults
{
    internal static bool Known(Exception fault) => fault is QmpException or TtrpcException;

    internal static VmCacheException Of(Exception fault) => fault switch
    {
        QmpTimeoutException => new VmCacheException(StatusCode.DeadlineExceeded, Reasons.Monitor, fault.Message, fault),
        QmpException => new VmCacheException(StatusCode.Internal, Reasons.Monitor, fault.Message, fault),
        TtrpcTimeoutException => new VmCacheException(
            StatusCode.DeadlineExceeded, Reasons.Agent, $"the guest's agent did not answer: {fault.Message}", fault),
        _ => new VmCacheException(StatusCode.Internal, Reasons.Agent, $"the guest's agent: {fault.Message}", fault),
    };
}
