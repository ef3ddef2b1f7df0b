using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Configuration;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The gRPC services and what they need beyond the actors.</summary>
public static class GrpcServices
{
    public static IServiceCollection AddVmCacheServices(this IServiceCollection services, NodeOptions options, IReadOnlyDictionary<PoolName, KataServed> kata)
    {
        services.AddGrpc().AddServiceOptions<VmCacheService>(grpc => grpc.MaxReceiveMessageSize = VmCacheService.LargestMessage);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new StartTime(DateTimeOffset.UtcNow));
        services.AddSingleton(new SocketPools(options));
        services.AddSingleton(new KataConfigs(options, kata));
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

    public static void MapVmCacheServices(this IEndpointRouteBuilder app)
    {
        app.MapGrpcService<KataCacheService>();
        app.MapGrpcService<VmCacheService>();
        app.MapGrpcService<AdminService>();
    }
}
