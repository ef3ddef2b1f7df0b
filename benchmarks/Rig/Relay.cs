using System.Net.Security;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// The least that a hop can be: a gRPC server on a Unix socket that passes Acquire on over mutual TLS, to a daemon's peer port, or, for a pool called
/// "constant", to itself, where an answer of that size is constant.
/// </summary>
public static class Relay
{
    public static async Task<int> RunAsync(string directory, string certificates, int back, int peer)
    {
        var identity = TlsIdentity.Load(new TlsFiles($"{certificates}/node.crt", $"{certificates}/node.key", $"{certificates}/ca.crt"));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(Path.Combine(directory, "relay.sock"), listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.ListenLocalhost(back, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(new Microsoft.AspNetCore.Server.Kestrel.Https.HttpsConnectionAdapterOptions { ServerCertificate = identity.Certificate });
            });
        });
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(new Hops(Open(identity, back), Open(identity, peer), back));
        var app = builder.Build();
        app.MapGrpcService<Service>();
        await app.RunAsync();
        return 0;
    }

    private static VmCache.VmCacheClient Open(TlsIdentity identity, int port) => new(GrpcChannel.ForAddress(
        $"https://127.0.0.1:{port}", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { SslOptions = identity.ClientOptions("127.0.0.1", problem => throw new IOException(problem)), UseProxy = false } }));

    public sealed record Hops(VmCache.VmCacheClient Back, VmCache.VmCacheClient Peer, int BackPort);

    public sealed class Service(Hops hops) : VmCache.VmCacheBase
    {
        private static readonly AcquireResponse Constant = new()
        {
            Vm = new Vm { Id = Guid.NewGuid().ToString(), Pool = "default", Qmp = new string('x', 60), Agent = new string('x', 60), Console = new string('x', 60) },
        };

        public override async Task<AcquireResponse> Acquire(AcquireRequest request, ServerCallContext context)
        {
            if (context.GetHttpContext().Connection.LocalPort == hops.BackPort) return Constant;
            return await (request.Pool == "constant" ? hops.Back : hops.Peer).AcquireAsync(request, deadline: context.Deadline, cancellationToken: context.CancellationToken);
        }
    }
}
