using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The way to the host of a VM, by the VM's id: what concerns a VM can be asked of any node.</summary>
public sealed class LeaseRoutes(ClusterEdge cluster, PeerChannels peers)
{
    /// <returns>Null: it is this host's affair.</returns>
    /// <exception cref="RpcException">Its host is known and is no member now.</exception>
    public async Task<PeerHost?> ToAsync(string vm, ServerCallContext context)
    {
        if (cluster.Options is null || cluster.IsHop(context) || !VmId.TryParse(vm, out var id)) return null;
        var found = await cluster.FindAsync(id, context);
        if (found.Host is { } host) return new PeerHost(host.Node, vm, new VmCache.VmCacheClient(peers.To(host.Peer)));
        return found.Name is { } name ? throw GrpcErrors.HostAway(name.Value, vm) : null;
    }
}

/// <summary>Another node, which has a VM.</summary>
public sealed record PeerHost(NodeName Node, string Vm, VmCache.VmCacheClient Client)
{
    /// <summary>Asks it what this node was asked, by the caller's deadline.</summary>
    public async Task<T> ForwardAsync<T>(Func<VmCache.VmCacheClient, CallOptions, AsyncUnaryCall<T>> call, ServerCallContext context)
    {
        try
        {
            return await call(Client, OptionsOf(context));
        }
        catch (RpcException e)
        {
            throw Told(e, context);
        }
    }

    public static CallOptions OptionsOf(ServerCallContext context)
        => new(deadline: context.Deadline == DateTime.MaxValue ? null : context.Deadline, cancellationToken: context.GetHttpContext().RequestAborted);

    /// <summary>What the caller is told: what that node said, or that it said nothing.</summary>
    public RpcException Told(RpcException fault, ServerCallContext context)
        => context.GetHttpContext().RequestAborted.IsCancellationRequested ? GrpcErrors.Cancelled()
            : GrpcErrors.Passed(fault) ?? GrpcErrors.HostAway(Node.Value, Vm);
}
