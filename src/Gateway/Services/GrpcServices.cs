using Microsoft.Extensions.DependencyInjection.Extensions;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Audit;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Gateway.Templates;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The gRPC services and what they need beyond the actors.</summary>
public static class GrpcServices
{
    public static IServiceCollection AddVmCacheServices(this IServiceCollection services, NodeOptions options, StartingPools start)
    {
        services.AddGrpc(grpc => grpc.CompressionProviders.Add(new CheckedCompression(VmCacheService.LargestMessage)))
            .AddServiceOptions<VmCacheService>(grpc => grpc.MaxReceiveMessageSize = VmCacheService.LargestMessage)
            .AddServiceOptions<KeyPeerService>(grpc => grpc.MaxReceiveMessageSize = VmCacheService.LargestMessage);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new StartTime(DateTimeOffset.UtcNow));
        services.AddSingleton(new SocketPools(options));
        services.AddSingleton(new HostPools(options.Pools, start.Loaded.Kata));
        services.AddSingleton<KataConfigs>();
        services.AddSingleton(start);
        services.AddSingleton(new PoolsFile(options.StateDirectory));
        services.TryAddSingleton<RolloutEnds>();
        services.TryAddSingleton(new EndpointTroubles());
        services.TryAddSingleton(new VmIsolation(options.Users, []));
        services.TryAddSingleton(new CordonMark(options.StateDirectory));
        services.AddSingleton<PoolDirectory>();
        services.AddHostedService(provider => provider.GetRequiredService<PoolDirectory>());
        services.AddSingleton<IAppliedPools>(provider => provider.GetRequiredService<PoolDirectory>());
        services.AddSingleton<PoolCalls>();
        services.AddSingleton<BaseVmAcquirer>();
        services.AddSingleton<LeaseCalls>();
        services.AddSingleton<VmQueries>();
        services.AddSingleton<EventStream>();
        services.AddSingleton<GuestExec>();
        services.AddSingleton<GuestConnect>();
        services.AddClusterServices(options);
        services.AddSingleton<KataCacheService>();
        services.AddSingleton<VmCacheService>();
        services.AddSingleton<AdminService>();
        return services;
    }

    public static void MapVmCacheServices(this WebApplication app)
    {
        app.UseAudit();
        app.UseCallerRights(app.Services.GetRequiredService<NodeOptions>());
        app.UseCallChecks();
        app.MapGrpcService<KataCacheService>();
        app.MapGrpcService<VmCacheService>();
        app.MapGrpcService<AdminService>();
        if (app.Services.GetService<KeyPeerService>() is not null) app.MapGrpcService<KeyPeerService>();
        if (app.Services.GetService<SendBudget>() is not null) app.MapGrpcService<TemplatePeerService>();
    }
}
