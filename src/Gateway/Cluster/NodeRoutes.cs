using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
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
        var member = members.FirstOrDefault(m => m.Name?.Value == node) ?? throw await NoMemberAsync(node, members, context);
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

    /// <summary>That there is no such node is said only when this one knows all.</summary>
    private async Task<RpcException> NoMemberAsync(string node, IReadOnlyList<MemberSeen> members, ServerCallContext context)
    {
        if (cluster.Options is not null && !cluster.IsHop(context) && NodeName.TryParse(node, out var name))
        {
            var found = await cluster.FindAsync(name.Tag, context);
            if (found.Name == name) return GrpcErrors.NodeAway(node);
            if (found.Doubt.Length > 0) return GrpcErrors.NodeUnknown(node, found.Doubt);
        }

        return GrpcErrors.UnknownNode(node, members.Select(m => m.Name?.Value).OfType<string>().Append(cluster.Name).Distinct());
    }
}
