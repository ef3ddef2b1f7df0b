using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The way to a node by its name: what concerns a host as a whole can be asked of any node.</summary>
public sealed class NodeRoutes(ClusterEdge cluster, PeerChannels peers)
{
    /// <param name="node">Empty: the node that is asked.</param>
    /// <exception cref="RpcException">There is no such node, or it is not reached.</exception>
    public async Task<T> AskAsync<T>(
        string node, Func<Task<T>> here, Func<Admin.AdminClient, CallOptions, AsyncUnaryCall<T>> there, ServerCallContext context)
    {
        if (node.Length == 0 || node == cluster.Name) return await here();
        // It goes by one node at most.
        IReadOnlyList<MemberSeen> members = cluster.Options is null || cluster.IsHop(context) ? [] : (await cluster.SeenAsync(context)).Members;
        var member = members.FirstOrDefault(m => m.Name?.Value == node)
            ?? throw GrpcErrors.UnknownNode(node, members.Select(m => m.Name?.Value).OfType<string>().Append(cluster.Name).Distinct());
        if (member is not { Reachable: true, Capacity: { } capacity }) throw GrpcErrors.NodeAway(node);
        try
        {
            return await there(new Admin.AdminClient(peers.To(capacity.Peer)), PeerHost.OptionsOf(context));
        }
        catch (RpcException fault)
        {
            throw context.GetHttpContext().RequestAborted.IsCancellationRequested ? GrpcErrors.Cancelled() : GrpcErrors.Passed(fault) ?? GrpcErrors.NodeAway(node);
        }
    }
}
