using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Gateway.Services;

/// <summary>vmcache.v1.VmCache.</summary>
[BindServiceMethod(typeof(CheckedBinding), nameof(CheckedBinding.BindService))]
public sealed class VmCacheService(
    LeaseCalls leases, VmQueries queries, EventStream events, GuestExec exec, GuestConnect connect, ClusterAcquirer placement, ClusterQueries cluster,
    LeaseRoutes routes) : VmCache.VmCacheBase
{
    /// <summary>A request with all that a late binding may hold, and one that holds too much and is to be told so.</summary>
    public const int LargestMessage = 8 << 20;

    public override async Task<AcquireResponse> Acquire(AcquireRequest request, ServerCallContext context)
    {
        AuditEntry.Concerns(context, $"pool {(request.Pool.Length > 0 ? request.Pool : PoolName.Default.Value)}");
        var response = await placement.AcquireAsync(CallerKeys.Owned(request, context), context);
        AuditEntry.Concerns(context, $"VM {response.Vm.Id} of pool {response.Vm.Pool}");
        return response;
    }

    public override async Task<Lease> Renew(RenewRequest request, ServerCallContext context)
        => await routes.ToAsync(request.Id, context) is { } host
            ? await host.ForwardAsync((peer, options) => peer.RenewAsync(request, options), context)
            : await leases.RenewAsync(request, context);

    public override async Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context)
    {
        AuditEntry.Concerns(context, $"VM {request.Id}");
        // A VM without a lease is Kata's, or nobody's: there is no token to prove whose.
        if (request.Token.Length == 0) Caller.Of(context).Demand(Right.Operate, "Release without a token");
        return await routes.ToAsync(request.Id, context) is { } host
            ? await host.ForwardAsync((peer, options) => peer.ReleaseAsync(request, options), context)
            : await leases.ReleaseAsync(request, context);
    }

    public override async Task<Vm> Get(GetRequest request, ServerCallContext context)
        => await routes.ToAsync(request.Id, context) is { } host
            ? await host.ForwardAsync((peer, options) => peer.GetAsync(request, options), context)
            : await queries.GetAsync(request, context);

    public override Task<ListHostsResponse> ListHosts(ListHostsRequest request, ServerCallContext context) => cluster.HostsAsync(request, context);

    public override Task<ListResponse> List(ListRequest request, ServerCallContext context) => queries.ListAsync(request, context);

    public override Task Watch(WatchRequest request, IServerStreamWriter<WatchEvent> responseStream, ServerCallContext context)
        => events.WatchAsync(request, responseStream, context);

    public override Task Exec(
        IAsyncStreamReader<ExecRequest> requestStream, IServerStreamWriter<ExecResponse> responseStream, ServerCallContext context)
        => exec.RunAsync(requestStream, responseStream, context);

    public override Task Connect(
        IAsyncStreamReader<ConnectRequest> requestStream, IServerStreamWriter<ConnectResponse> responseStream, ServerCallContext context)
        => connect.RunAsync(requestStream, responseStream, context);
}
