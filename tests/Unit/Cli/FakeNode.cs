using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Tests.Unit.Cli;

/// <summary>A node's gRPC services on a Unix socket of its own, answering what a test wants.</summary>
internal sealed class FakeNode : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly DirectoryInfo directory;

    private FakeNode(WebApplication app, DirectoryInfo directory, string endpoint) =>
        (this.app, this.directory, Endpoint) = (app, directory, endpoint);

    public string Endpoint { get; }

    /// <summary>Every VM that was released, in order.</summary>
    public List<string> Released => app.Services.GetRequiredService<Answers>().Released;

    public static async Task<FakeNode> StartAsync(Answers answers)
    {
        var directory = Directory.CreateTempSubdirectory("vmc");
        var endpoint = Path.Combine(directory.FullName, "cache.sock");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.ListenUnixSocket(endpoint, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(answers);
        builder.Services.AddGrpc();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.MapGrpcService<Cache>();
        app.MapGrpcService<Vms>();
        app.MapGrpcService<Node>();
        await app.StartAsync();
        return new FakeNode(app, directory, endpoint);
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
        directory.Delete(recursive: true);
    }

    /// <summary>What the node answers; a handler may throw an <see cref="RpcException"/>.</summary>
    internal sealed class Answers
    {
        public Func<ServerCallContext, Task<GrpcVM>> GetBaseVm { get; init; } = _ => throw Status(StatusCode.Unimplemented, "");

        public Func<string, Vm> Get { get; init; } = id => throw Status(StatusCode.NotFound, $"no VM '{id}'");

        /// <summary>What is at the other end of a VM's socket, once its caller has been told that it is connected.</summary>
        public Func<ConnectStart, IAsyncStreamReader<ConnectRequest>, Func<string, Task>, Task> Connect { get; init; } =
            (_, _, _) => throw Status(StatusCode.Unimplemented, "");

        public Action<string> Release { get; init; } = _ => { };

        public Func<NodeStatus> GetStatus { get; init; } = () => new NodeStatus();

        public Func<GetPoolsResponse> GetPools { get; init; } = () => new GetPoolsResponse();

        public Func<IReadOnlyList<string>> ProveKvm { get; init; } = () => throw Status(StatusCode.Unimplemented, "");

        public List<string> Released { get; } = [];

        public static RpcException Status(StatusCode code, string detail) => new(new Status(code, detail));
    }

    private sealed class Cache(Answers answers) : CacheService.CacheServiceBase
    {
        public override Task<GrpcVM> GetBaseVM(Empty request, ServerCallContext context) => answers.GetBaseVm(context);
    }

    private sealed class Vms(Answers answers) : VmCache.VmCacheBase
    {
        public override Task<Vm> Get(GetRequest request, ServerCallContext context) => Task.FromResult(answers.Get(request.Id));

        public override async Task Connect(
            IAsyncStreamReader<ConnectRequest> from, IServerStreamWriter<ConnectResponse> to, ServerCallContext context)
        {
            await from.MoveNext();
            var start = from.Current.Start;
            await to.WriteAsync(new ConnectResponse { Connected = new Connected() });
            await answers.Connect(start, from, text => to.WriteAsync(new ConnectResponse { Data = ByteString.CopyFromUtf8(text) }));
        }

        public override Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context)
        {
            answers.Release(request.Id);
            answers.Released.Add(request.Id);
            return Task.FromResult(new ReleaseResponse());
        }
    }

    private sealed class Node(Answers answers) : Admin.AdminBase
    {
        public override Task<NodeStatus> GetStatus(GetStatusRequest request, ServerCallContext context) =>
            Task.FromResult(answers.GetStatus());

        public override Task<GetPoolsResponse> GetPools(GetPoolsRequest request, ServerCallContext context) =>
            Task.FromResult(answers.GetPools());

        public override Task<ProveKvmResponse> ProveKvm(ProveKvmRequest request, ServerCallContext context) =>
            Task.FromResult(new ProveKvmResponse { Pools = { answers.ProveKvm() } });
    }
}
