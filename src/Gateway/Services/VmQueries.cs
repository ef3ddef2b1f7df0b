using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Pools;
using PoolView = VmCacheCluster.Actors.Gateway.PoolView;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Get and List.</summary>
public sealed class VmQueries(IRequiredActor<GatewayActor> gateway, HostPools pools)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    public async Task<Vm> GetAsync(GetRequest request, ServerCallContext context)
    {
        var id = CallIds.Vm(request.Id);
        var answer = await Edge.AskAsync(gateway.ActorRef, new GetVm(id), Timeout, $"VM {id}", context);
        return answer is VmView view ? V1Mapping.ToVm(view) : throw GrpcErrors.From((VmRefused)answer);
    }

    public async Task<ListResponse> ListAsync(ListRequest request, ServerCallContext context)
    {
        var pool = KnownPool(request.Pool, pools);
        var views = pool is { } name ? await OfPoolAsync(name, context) : await OfNodeAsync(context);
        var response = new ListResponse();
        response.Vms.AddRange(views
            .OrderBy(v => v.Pool.Value, StringComparer.Ordinal).ThenBy(v => v.Life.Phase).ThenBy(v => v.Id.Value, StringComparer.Ordinal)
            .Select(V1Mapping.ToVm)
            .Where(v => request.States.Count == 0 || request.States.Contains(v.State)));
        return response;
    }

    /// <returns>Null: all.</returns>
    internal static PoolName? KnownPool(string text, HostPools pools)
    {
        if (text.Length == 0) return null;
        var faults = new RequestFaults();
        var pool = AcquireRequestReader.Pool(text, faults);
        if (faults.Any) throw GrpcErrors.Invalid(faults);
        return pools.Now.Any(p => p.Name == pool) ? pool : throw GrpcErrors.UnknownPool(text, pools.Now.Select(p => p.Name.Value));
    }

    private async Task<IEnumerable<VmView>> OfNodeAsync(ServerCallContext context)
    {
        var node = (NodeView)await Edge.AskAsync(gateway.ActorRef, GetNodeView.Instance, Timeout, "the VMs", context);
        return node.Pools.SelectMany(p => p.Vms);
    }

    private async Task<IEnumerable<VmView>> OfPoolAsync(PoolName pool, ServerCallContext context)
        => await Edge.AskAsync(gateway.ActorRef, new GetPoolView(pool), Timeout, $"the VMs of pool {pool}", context) is PoolView view
            ? view.Vms
            : throw GrpcErrors.NotAnswered($"pool {pool} is not open yet");
}
