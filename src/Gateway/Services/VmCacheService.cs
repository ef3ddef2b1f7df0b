using Grpc.Core;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Gateway.Services;

/// <summary>vmcache.v1.VmCache.</summary>
public sealed class VmCacheService(LeaseCalls leases, VmQueries queries, EventStream events, GuestExec exec) : VmCache.VmCacheBase
{
    /// <summary>A request with all that a late binding may hold, and one that holds too much and is to be told so.</summary>
    public const int LargestMessage = 8 << 20;

    public override Task<AcquireResponse> Acquire(AcquireRequest request, ServerCallContext context) => leases.AcquireAsync(request, context);

    public override Task<Lease> Renew(RenewRequest request, ServerCallContext context) => leases.RenewAsync(request, context);

    public override Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context) => leases.ReleaseAsync(request, context);

    public override Task<Vm> Get(GetRequest request, ServerCallContext context) => queries.GetAsync(request, context);

    public override Task<ListResponse> List(ListRequest request, ServerCallContext context) => queries.ListAsync(request, context);

    public override Task Watch(WatchRequest request, IServerStreamWriter<WatchEvent> responseStream, ServerCallContext context)
        => events.WatchAsync(request, responseStream, context);

    public override Task Exec(
        IAsyncStreamReader<ExecRequest> requestStream, IServerStreamWriter<ExecResponse> responseStream, ServerCallContext context)
        => exec.RunAsync(requestStream, responseStream, context);
}
