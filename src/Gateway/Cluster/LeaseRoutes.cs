using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The way to the host of a VM, by the VM's id: what concerns a VM can be asked of any node.</summary>
public sealed class LeaseRoutes(ClusterEdge cluster, PeerChannels peers, IRequiredActor<GatewayActor> gateway)
{
    private static readonly TimeSpan LookTimeout = TimeSpan.FromSeconds(2);

    /// <returns>Null: it is this host's affair.</returns>
    /// <exception cref="RpcException">Its host is away, or this node cannot know yet whether there is one.</exception>
    public async Task<PeerHost?> ToAsync(string vm, ServerCallContext context)
    {
        if (cluster.Options is not { } options || cluster.IsHop(context) || !VmId.TryParse(vm, out var id) || id.Tag == options.Node.Tag) return null;
        var here = await IsHereAsync(id, context);
        if (here == true) return null;
        var found = await cluster.FindAsync(id.Tag, context);
        return VmRoutes.Decide(id.Tag, options.Node, here, found.Name, found.Host, found.Doubt) switch
        {
            VmRoute.Elsewhere(var host) => new PeerHost(host.Node, vm, new VmCache.VmCacheClient(peers.To(host.Peer))),
            VmRoute.Away(var host) => throw GrpcErrors.HostAway(host.Value, vm),
            VmRoute.Unclear(var why) => throw GrpcErrors.OwnerUnknown(vm, why),
            _ => null,
        };
    }

    /// <returns>Null: it is being started, or heals, and cannot say.</returns>
    private async Task<bool?> IsHereAsync(VmId id, ServerCallContext context)
    {
        try
        {
            return await Edge.AskAsync(gateway.ActorRef, new GetVm(id), LookTimeout, $"VM {id}", context) is VmRefused refused
                ? refused.Kind == RefusalKind.NotFound ? false : null
                : true;
        }
        catch (RpcException silent) when (silent.StatusCode == StatusCode.Unavailable)
        {
            return null;
        }
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
