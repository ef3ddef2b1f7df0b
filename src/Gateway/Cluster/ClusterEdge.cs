using Akka.Actor;
using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What calls ask of the cluster. Where there is none, or its part of this daemon is being made anew, it knows nothing.</summary>
public sealed class ClusterEdge(NodeOptions options, ClusterFace face)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private static readonly HostChosen Nobody = new((HostCapacity?)null);

    public ClusterOptions? Options { get; } = options.Cluster;

    /// <summary>How the host is called in answers.</summary>
    public string Name { get; } = options.Cluster?.Node.Value ?? Environment.MachineName;

    public string? Gateway { get; } = options.Gateway?.Advertise.ToString();

    /// <summary>The call came from another node, which has decided that it is for this host.</summary>
    public bool IsHop(ServerCallContext context) => Caller.Of(context).By == Entrance.Peers;

    public Task<HostChosen> ChooseAsync(ChooseHost choose, ServerCallContext context) => AskAsync(choose, Nobody, context);

    public Task<HostsRanked> RankAsync(RankHosts rank, ServerCallContext context) => AskAsync(rank, new HostsRanked([]), context);

    public Task<ClusterSeen> SeenAsync(ServerCallContext context) => AskAsync(GetClusterSeen.Instance, new ClusterSeen("", [], WhyNone), context);

    /// <summary>The host with this tag.</summary>
    public Task<HostFound> FindAsync(string tag, ServerCallContext context)
        => AskAsync(new FindHost(tag), new HostFound(null, null, VmRoutes.Doubt(inside: false, WhyNone, [])), context);

    /// <summary>The members, as idempotency keys need them.</summary>
    /// <exception cref="RpcException">The caller has left.</exception>
    public async Task<KeyView> KeysAsync(CancellationToken cancel)
    {
        try
        {
            return await AskAsync(GetKeyView.Instance, KeyView.Outside(WhyNone), cancel);
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }
    }

    private string WhyNone => face.Problem.Length > 0 ? face.Problem : "this node's part in the cluster is being started";

    /// <summary>Who has a template. While the cluster's part of this daemon is being made, that is still to be known.</summary>
    /// <exception cref="OperationCanceledException"/>
    public Task<TemplateFound> FindTemplateAsync(TemplateDigest digest, CancellationToken cancel)
        => AskAsync(new FindTemplate(digest), new TemplateFound([], MoreToCome: face.Problem.Length == 0 && Options is { ExpectsOthers: true }), cancel);

    public void Tell(object news) => face.Placement?.Tell(news);

    private async Task<T> AskAsync<T>(object message, T otherwise, ServerCallContext context)
    {
        try
        {
            return await AskAsync(message, otherwise, context.GetHttpContext().RequestAborted);
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }
    }

    private async Task<T> AskAsync<T>(object message, T otherwise, CancellationToken cancel)
    {
        if (face.Placement is not { } placement) return otherwise;
        try
        {
            return await placement.Ask<T>(message, Timeout, cancel);
        }
        catch (AskTimeoutException)
        {
            // It was ended meanwhile.
            return otherwise;
        }
    }
}
