using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Templates;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What a host has of its cluster. Without one the calls are the same, and stay on this host.</summary>
internal static class ClusterServices
{
    public static void AddClusterServices(this IServiceCollection services, NodeOptions options)
    {
        services.AddSingleton<ClusterFace>();
        services.AddSingleton<ReportSequence>();
        services.AddSingleton<ClusterEdge>();
        services.AddSingleton<HostReporter>();
        services.AddSingleton<PeerChannels>();
        services.AddSingleton<LeaseRoutes>();
        services.AddSingleton<NodeRoutes>();
        services.AddSingleton<Placer>();
        services.AddSingleton<KeyHolder>();
        services.AddSingleton<KeyPeers>();
        services.AddSingleton<KeyHome>();
        services.AddSingleton<ClusterAcquirer>();
        services.AddSingleton<ClusterQueries>();
        if (options.Cluster is not { } cluster) return;

        services.AddSingleton(new ClusterPlan(cluster, ThisHost.Of(options)));
        services.AddSingleton<IClusterHost>(provider => new ClusterHost(
            new ClusterFile(options.StateDirectory), new PeerProbe(() => provider.GetRequiredService<NetworkTrust>().Peers.Current)));
        services.AddHostedService<ClusterService>();
        services.AddSingleton<KeyPeerService>();
        if (cluster.Templates is not { } sharing) return;
        services.AddSingleton(provider => new SendBudget(sharing.BytesPerSecond, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ITemplatePeers, TemplatePeers>();
        services.AddSingleton<TemplatePeerService>();
    }
}
