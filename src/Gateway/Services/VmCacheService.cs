using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>vmcache.v1.VmCache.</summary>
public sealed class VmCacheService(IRequiredActor<GatewayActor> gateway) : VmCache.VmCacheBase
{
    private static readonly TimeSpan GetTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Ending a VM takes at most the sum of its stop deadlines; this only covers that nobody answers.</summary>
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(60);

    public override async Task<Vm> Get(GetRequest request, ServerCallContext context)
    {
        var answer = await Edge.AskAsync(gateway.ActorRef, new GetVm(Parse(request.Id)), GetTimeout, $"VM {request.Id}", context);
        return answer is VmView view ? V1Mapping.ToVm(view) : throw GrpcErrors.From((VmRefused)answer);
    }

    public override async Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context)
    {
        var answer = await Edge.AskAsync(gateway.ActorRef, new ReleaseVm(Parse(request.Id)), ReleaseTimeout, $"the release of VM {request.Id}", context);
        return answer is VmReleased ? new ReleaseResponse() : throw GrpcErrors.From((VmRefused)answer);
    }

    private static VmId Parse(string text) => VmId.TryParse(text, out var id) ? id : throw GrpcErrors.BadVmId(text);
}
