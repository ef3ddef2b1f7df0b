using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What this host says of itself.</summary>
internal static class ThisHost
{
    /// <summary>One without a cluster is known by its own name, and not to be reached.</summary>
    public static HostFace Of(NodeOptions options)
    {
        var alone = NodeName.TryParse(Environment.MachineName.ToLowerInvariant(), out var name) ? name : new NodeName("localhost");
        return new HostFace(
            options.Cluster?.Node ?? alone, options.Cluster?.Peer ?? default, options.Gateway?.Advertise, AdminService.Version,
            options.Cluster?.Labels ?? new Dictionary<string, string>());
    }
}
