using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What nodes ask of each other for idempotency keys.</summary>
[BindServiceMethod(typeof(CheckedBinding), nameof(CheckedBinding.BindService))]
public sealed class KeyPeerService(KeyHolder holder, KeyHome home, ClusterEdge cluster) : KeyPeer.KeyPeerBase
{
    public override Task<AcquireResponse> Place(PlaceKey request, ServerCallContext context)
    {
        Check(context);
        return NodeName.TryParse(request.Asker, out var asker) && request.Request is not null
            ? home.PlaceAsync(request.Request, asker, request.Fits, context)
            : throw GrpcErrors.NotFromANode();
    }

    public override Task<AcquireResponse> Give(GiveKey request, ServerCallContext context)
    {
        Check(context);
        return request is { Request: not null, Home: not null } ? holder.GiveAsync(request, context) : throw GrpcErrors.NotFromANode();
    }

    public override Task<KeyFound> Find(FindKey request, ServerCallContext context)
    {
        Check(context);
        return request.Home is not null ? holder.FindAsync(request, context.GetHttpContext().RequestAborted) : throw GrpcErrors.NotFromANode();
    }

    public override Task<KeysCollected> Collect(CollectKeys request, ServerCallContext context)
    {
        Check(context);
        return request.Home is not null ? holder.CollectAsync(request, context.GetHttpContext().RequestAborted) : throw GrpcErrors.NotFromANode();
    }

    private void Check(ServerCallContext context)
    {
        if (!cluster.IsHop(context)) throw GrpcErrors.NotFromANode();
    }
}
