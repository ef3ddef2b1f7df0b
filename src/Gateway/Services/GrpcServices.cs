using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>The gRPC services and what they need beyond the actors.</summary>
public static class GrpcServices
{
    public static IServiceCollection AddVmCacheServices(this IServiceCollection services, NodeOptions options)
    {
        services.AddGrpc().AddServiceOptions<VmCacheService>(grpc => grpc.MaxReceiveMessageSize = VmCacheService.LargestMessage);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new StartTime(DateTimeOffset.UtcNow));
        services.AddSingleton(new SocketPools(options));
        services.AddSingleton(new KataConfigs(options));
        services.AddSingleton<BaseVmAcquirer>();
        services.AddSingleton<LeaseCalls>();
        services.AddSingleton<VmQueries>();
        services.AddSingleton<EventStream>();
        services.AddSingleton<GuestExec>();
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
