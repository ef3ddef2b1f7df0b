using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using VmCacheCluster.Gateway;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>The daemon as it is, and on the same server one more method that answers the same message from memory.</summary>
public static class GetBaseVmServer
{
    public static readonly Method<Empty, GrpcVM> Constant = new(
        MethodType.Unary, "benchmark.Constant", "GetBaseVM",
        Marshallers.Create(m => Google.Protobuf.MessageExtensions.ToByteArray(m), Empty.Parser.ParseFrom),
        Marshallers.Create(m => Google.Protobuf.MessageExtensions.ToByteArray(m), GrpcVM.Parser.ParseFrom));

    public static readonly Method<Empty, GrpcVMConfig> ConstantConfig = new(
        MethodType.Unary, "benchmark.Constant", "Config",
        Marshallers.Create(m => Google.Protobuf.MessageExtensions.ToByteArray(m), Empty.Parser.ParseFrom),
        Marshallers.Create(m => Google.Protobuf.MessageExtensions.ToByteArray(m), GrpcVMConfig.Parser.ParseFrom));

    public static async Task<int> RunAsync(string dist, string directory)
    {
        var loaded = ConfigurationLoader.Load(
            new CommandLineValues(Path.Combine(directory, "vmcache.conf")), new Dictionary<string, string>(),
            HostFacts.Read() with { MemoryMiB = 1 << 24 });
        if (loaded.Options is not { } options)
        {
            Console.Error.WriteLine(ConfigurationReport.Format(loaded.Faults));
            return 1;
        }

        using var endpoints = OwnedEndpoints.Take(options);
        await using var app = Daemon.Build(options, endpoints, services => services.AddSingleton<IServiceMethodProvider<ConstantService>, ConstantMethods>());
        app.MapGrpcService<ConstantService>();
        await app.RunAsync();
        return 0;
    }

    /// <summary>As large as a real answer.</summary>
    private static GrpcVM Answer() => new()
    {
        Id = Guid.NewGuid().ToString(), Cpu = 1, Memory = 256, Hypervisor = Google.Protobuf.ByteString.CopyFrom(new byte[430]),
    };

    public sealed class ConstantService
    {
        public GrpcVM Value { get; } = Answer();
    }

    private sealed class ConstantMethods(KataConfigs configs) : IServiceMethodProvider<ConstantService>
    {
        private readonly GrpcVM _answer = Answer();
        private readonly GrpcVMConfig _config = configs.Of(Domain.PoolName.Default).Clone();

        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<ConstantService> context)
        {
            context.AddUnaryMethod(Constant, [], (_, _, _) => Task.FromResult(_answer));
            context.AddUnaryMethod(ConstantConfig, [], (_, _, _) => Task.FromResult(_config));
        }
    }
}
