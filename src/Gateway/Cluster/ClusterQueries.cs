using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>GetCluster and ListHosts.</summary>
public sealed class ClusterQueries(ClusterEdge cluster, HostReporter reporter)
{
    public async Task<ClusterStatus> StatusAsync(ServerCallContext context)
    {
        var status = new ClusterStatus { Node = cluster.Name };
        if (cluster.Options is not { } options)
        {
            if (await reporter.HereAsync(context) is { } alone) status.Hosts.Add(ClusterMapping.ToHost(alone));
            return status;
        }

        var seen = await cluster.SeenAsync(context);
        (status.Name, status.Id, status.Reason) = (options.Name, seen.ClusterId, seen.Reason);
        status.Hosts.AddRange(seen.Members.Select(ClusterMapping.ToHost));
        if (seen.Members.Count == 0 && await reporter.HereAsync(context) is { } here) status.Hosts.Add(ClusterMapping.ToHost(here));
        return status;
    }

    public async Task<ListHostsResponse> HostsAsync(ListHostsRequest request, ServerCallContext context)
    {
        var faults = new RequestFaults();
        var pool = AcquireRequestReader.Pool(request.Pool, faults);
        PlacementReader.CheckAffinity(request.Affinity, faults);
        if (faults.Any) throw GrpcErrors.Invalid(faults);
        var count = request.Count is 0 or > int.MaxValue ? int.MaxValue : (int)request.Count;
        var affinity = new Dictionary<string, string>(request.Affinity);
        var ranked = (await cluster.RankAsync(new RankHosts(pool, affinity, count), context)).Hosts;
        if (ranked.Count == 0 && await reporter.HereAsync(context) is { } here) ranked = Domain.PlacementRules.Ranked([here], pool, affinity, count);
        var response = new ListHostsResponse();
        response.Hosts.AddRange(ranked.Select(ClusterMapping.ToHost));
        return response;
    }
}
