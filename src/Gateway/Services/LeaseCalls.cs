using Akka.Hosting;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Acquire, Renew, Release: a lease from its beginning to its end.</summary>
public sealed class LeaseCalls(BaseVmAcquirer acquirer, IRequiredActor<GatewayActor> gateway, ClusterEdge cluster)
{
    private static readonly TimeSpan RenewTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Ending a VM takes at most the sum of its stop deadlines; this only covers that nobody answers.</summary>
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(60);

    /// <param name="warmOnly">This host was chosen for a warm VM: it makes none.</param>
    public async Task<AcquireResponse> AcquireAsync(AcquireRequest request, ServerCallContext context, bool warmOnly = false)
    {
        var faults = new RequestFaults();
        var (pool, wish) = AcquireRequestReader.Read(request, faults);
        if (faults.Any) throw GrpcErrors.Invalid(faults);
        var granted = await acquirer.AcquireAsync(pool, HandOutPath.V1, context.Deadline, context.GetHttpContext().RequestAborted, wish with { WarmOnly = warmOnly });
        return LeaseMapping.ToResponse(pool, granted, cluster.Name, cluster.Gateway);
    }

    public async Task<Lease> RenewAsync(RenewRequest request, ServerCallContext context)
    {
        var (id, token) = (CallIds.Vm(request.Id), CallIds.Token(request.Token));
        var faults = new RequestFaults();
        var ttl = AcquireRequestReader.Ttl(request.Ttl, "ttl", faults);
        if (faults.Any) throw GrpcErrors.Invalid(faults);
        var answer = await Edge.AskAsync(gateway.ActorRef, new RenewLease(id, token, ttl), RenewTimeout, $"the renewal of VM {id}", context);
        return answer is LeaseRenewed renewed
            ? new Lease
            {
                Token = request.Token,
                ExpiresAt = Timestamp.FromDateTimeOffset(renewed.ExpiresAt),
                Ttl = Duration.FromTimeSpan(renewed.Ttl),
            }
            : throw GrpcErrors.From((VmRefused)answer);
    }

    public async Task<ReleaseResponse> ReleaseAsync(ReleaseRequest request, ServerCallContext context)
    {
        var id = CallIds.Vm(request.Id);
        LeaseToken? token = request.Token.Length == 0 ? null : CallIds.Token(request.Token);
        var answer = await Edge.AskAsync(gateway.ActorRef, new ReleaseVm(id, token), ReleaseTimeout, $"the release of VM {id}", context);
        return answer is VmReleased ? new ReleaseResponse() : throw GrpcErrors.From((VmRefused)answer);
    }
}
