using System.Net;
using System.Net.Sockets;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Templates;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Fakes;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Templates;

/// <summary>The service and its client, over a port of the loopback interface.</summary>
public sealed class TemplatePeerServiceSpecs : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TemplateDigest Digest = new(new string('a', 64));
    private static readonly TemplateOffer Offer = new(DateTimeOffset.UnixEpoch.AddYears(50), 8192, 4096, "m", 3, "s");
    private readonly FakeLender _lender = new() { Held = [Digest], Offering = _ => Offer };
    private readonly (int Peer, int Gateway) _ports = (FreePort.Find(), FreePort.Find());
    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"vmt-{Guid.NewGuid():N}"[..20]);
    private WebApplication _app = null!;
    private GrpcChannel _channel = null!;

    public async Task InitializeAsync()
    {
        var options = Options(_ports.Peer, _ports.Gateway);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var (port, entrance) in new[] { (_ports.Peer, Entrance.Peers), (_ports.Gateway, Entrance.Callers) })
            {
                kestrel.Listen(IPAddress.Loopback, port, listen =>
                {
                    listen.Protocols = HttpProtocols.Http2;
                    listen.MarkAs(entrance);
                });
            }

            kestrel.ListenUnixSocket(_socket, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(new TemplatePeerService(_lender, new SendBudget(null, TimeProvider.System), new ClusterEdge(options, new ClusterFace())));
        _app = builder.Build();
        _app.UseCallerRights(options);
        _app.MapGrpcService<TemplatePeerService>();
        await _app.StartAsync();
        _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{_ports.Peer}");
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        File.Delete(_socket);
    }

    [Fact]
    public async Task Sends_what_it_described_from_where_it_is_asked()
    {
        _lender.Reading = (_, from) =>
        [
            new TemplatePiece([new Extent(from, 1)], new byte[] { (byte)from }, from + 1),
            new TemplatePiece([new Extent(from + 1, 2)], new byte[] { 8, 9 }, Offer.Length),
        ];
        var peer = new NodeTemplates("beta", _channel);

        Assert.Equal(Offer, await peer.DescribeAsync(Digest, None));
        var pieces = new List<(string Extents, string Content, long Next)>();
        await foreach (var piece in peer.ReadAsync(Digest, Offer, 5, None)) pieces.Add((string.Join(' ', piece.Extents), string.Join(' ', piece.Content.ToArray()), piece.Next));

        Assert.Equal([($"{new Extent(5, 1)}", "5", 6L), ($"{new Extent(6, 2)}", "8 9", Offer.Length)], pieces);
    }

    [Fact]
    public async Task Refuses_what_it_has_not_or_no_longer_or_sends_too_often_and_serves_again()
    {
        var peer = new NodeTemplates("beta", _channel);
        Assert.Contains("no such template here", (await Assert.ThrowsAsync<TemplatePeerException>(() => peer.DescribeAsync(new TemplateDigest(new string('b', 64)), None))).Message, StringComparison.Ordinal);
        Assert.Contains("no such template here", await RefusalAsync(peer, Offer with { MemoryDigest = "of another time" }), StringComparison.Ordinal);
        Assert.Contains("no such template here", await RefusalAsync(peer, Offer, from: Offer.Length + 1), StringComparison.Ordinal);
        Assert.Contains("no such template here", await RefusalAsync(peer, Offer, from: -1), StringComparison.Ordinal);

        // Each is held after its first piece.
        var hold = new SemaphoreSlim(0);
        IEnumerable<TemplatePiece> Held()
        {
            yield return new TemplatePiece([], ReadOnlyMemory<byte>.Empty, 1);
            hold.Wait();
        }

        _lender.Reading = (_, _) => Held();
        List<IAsyncEnumerator<TemplatePiece>> streams = [.. Enumerable.Range(0, SendBudget.MostAtOnce).Select(_ => peer.ReadAsync(Digest, Offer, 0, None).GetAsyncEnumerator())];
        foreach (var stream in streams) Assert.True(await stream.MoveNextAsync());
        Assert.Equal("it is sending 4 templates already", await RefusalAsync(peer, Offer));

        hold.Release(streams.Count);
        foreach (var stream in streams) Assert.False(await stream.MoveNextAsync());
        _lender.Reading = (_, _) => [];
        await Eventually.Async(async () => await RefusalAsync(peer, Offer) is null, "it sends again");
    }

    [Fact]
    public async Task Serves_nodes_alone()
    {
        using var callers = GrpcChannel.ForAddress($"http://127.0.0.1:{_ports.Gateway}");
        using var local = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, cancel) =>
                {
                    var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), cancel);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            },
        });

        foreach (var (channel, why) in new[] { (callers, "only vmcache.v1 is served on TCP"), (local, "templates are given to the other nodes of the cluster alone") })
        {
            var peer = new NodeTemplates("beta", channel);
            Assert.StartsWith(why, (await Assert.ThrowsAsync<TemplatePeerException>(() => peer.DescribeAsync(Digest, None))).Message, StringComparison.Ordinal);
            Assert.StartsWith(why, await RefusalAsync(peer, Offer), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Says_that_a_node_is_not_reached()
    {
        using var nowhere = GrpcChannel.ForAddress($"http://127.0.0.1:{FreePort.Find()}");

        var fault = await Assert.ThrowsAsync<TemplatePeerException>(() => new NodeTemplates("gamma", nowhere).DescribeAsync(Digest, None));

        Assert.Contains("onnect", fault.Message, StringComparison.Ordinal);
    }

    internal static NodeOptions Options(int peer, int gateway) => new()
    {
        StateDirectory = "", Endpoint = "", RunDirectory = "", ClientDirectory = "", TemplateDirectory = "", BootParallelism = 1, Pools = [],
        Templates = new TemplateLimits(TimeSpan.Zero, null), Memory = new MemoryLimits(0, null), Stop = new StopDeadlines(default, default, default),
        Cluster = new ClusterOptions
        {
            Name = "t", Node = new NodeName("beta"), Listen = default, Advertise = new NodeAddress("10.0.0.1", 4750), PeerPort = peer, Seeds = [],
            SplitStableAfter = default, AcceptablePause = default, MaxClockSkew = default,
        },
        Gateway = new GatewayOptions { Listen = default, Advertise = new NodeAddress("localhost", gateway), Tls = new TlsFiles("", "", ""), Rights = new Dictionary<Right, IReadOnlyList<string>> { [Right.Operate] = ["*"] } },
    };

    /// <returns>Null: it was read to its end.</returns>
    private static async Task<string?> RefusalAsync(NodeTemplates peer, TemplateOffer offer, long from = 0)
    {
        try
        {
            await foreach (var _ in peer.ReadAsync(Digest, offer, from, None)) { }
            return null;
        }
        catch (TemplatePeerException refusal)
        {
            return refusal.Message;
        }
    }
}
