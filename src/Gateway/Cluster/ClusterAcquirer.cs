using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Services;
using Placement = VmCacheCluster.Contracts.V1.Placement;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Acquire over the hosts of a cluster. Without an idempotency key a host that does not answer may have given a VM without our knowing it, which
/// takes it back, as the lease is never confirmed. With a key its home has the VM given (<see cref="KeyHomes"/>).
/// </summary>
public sealed class ClusterAcquirer(LeaseCalls local, ClusterEdge cluster, PeerChannels peers, HostReporter reporter, Placer placer, KeyHome keys, KeyPeers homes)
{
    public async Task<AcquireResponse> AcquireAsync(AcquireRequest request, ServerCallContext context)
    {
        if (cluster.Options is not { } options) return await local.AcquireAsync(request, context);
        if (cluster.IsHop(context)) return await ForAnotherAsync(request, context);

        var (pool, placement) = PlacementReader.ReadAll(request);
        if (placement == Domain.Placement.Local) return await local.AcquireAsync(request, context);
        var fits = request.Affinity.All(wanted => options.Labels.TryGetValue(wanted.Key, out var has) && has == wanted.Value);
        if (request.IdempotencyKey.Length > 0) return await WithKeyAsync(request, new PoolKey(pool, request.IdempotencyKey), fits, context);
        var hosts = new PlacementHosts(
            options.Node, fits, warm => local.AcquireAsync(request, context, warm), (host, warm, deadline) => AskAsync(host, request, warm, context, deadline), host => reporter.IsWorseAsync(host, pool, context));
        return await placer.PlaceAsync(request, pool, placement, hosts, context);
    }

    /// <summary>Another node has chosen this host. If it has none, it says what it has instead.</summary>
    private async Task<AcquireResponse> ForAnotherAsync(AcquireRequest request, ServerCallContext context)
    {
        try
        {
            return await local.AcquireAsync(request, context);
        }
        catch (RpcException refusal) when (refusal.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable)
        {
            if (await reporter.ReportAsync(context) is { } report) refusal.Trailers.Add(HostReporter.Trailer, report.ToByteArray());
            throw;
        }
    }

    private async Task<AcquireResponse> WithKeyAsync(AcquireRequest request, PoolKey key, bool fits, ServerCallContext context)
    {
        var self = cluster.Options!.Node;
        switch (KeyHomes.Route(await cluster.KeysAsync(context.GetHttpContext().RequestAborted), key))
        {
            case KeyRoute.Here:
                return await keys.PlaceAsync(request, self, fits, context);
            case KeyRoute.At(var home):
                try
                {
                    return await homes.PlaceAsync(home, new PlaceKey { Request = request, Asker = self.Value, Fits = fits }, context);
                }
                catch (RpcException fault)
                {
                    throw context.GetHttpContext().RequestAborted.IsCancellationRequested ? GrpcErrors.Cancelled()
                        : GrpcErrors.Passed(fault) ?? GrpcErrors.KeyUnavailable($"{home.Node}, which keeps the key, does not answer ({fault.Status.Detail})");
                }

            case KeyRoute.Unknown(var why):
                throw GrpcErrors.KeyUnavailable(why);
            default:
                throw new InvalidOperationException("a route of a key that is not known");
        }
    }

    private async Task<AcquireResponse> AskAsync(HostCapacity host, AcquireRequest request, bool warm, ServerCallContext context, DateTime deadline)
    {
        var there = request.Clone();
        there.Placement = Placement.Local;
        there.Affinity.Clear();
        if (warm) there.Warm = WarmPreference.Require;
        var peer = new VmCache.VmCacheClient(peers.To(host.Peer));
        return await peer.AcquireAsync(there, deadline: deadline == DateTime.MaxValue ? null : deadline, cancellationToken: context.CancellationToken);
    }
}
