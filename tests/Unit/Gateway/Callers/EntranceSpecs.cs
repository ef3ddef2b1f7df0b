using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Callers;

/// <summary>The peer port and the gateway's with one number, at two addresses, and a listener that nobody has marked.</summary>
public sealed class EntranceSpecs : IAsyncLifetime
{
    private const string Denied = "7", NotServed = "12";
    private const string Drain = "/vmcache.v1.Admin/Drain", Status = "/vmcache.v1.Admin/GetStatus", Find = "/vmcache.cluster.v1.KeyPeer/Find", Kata = "/cache.CacheService/GetBaseVM";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-in");
    private readonly int _port = FreePort.Find(), _unmarked = FreePort.Find();
    private PrivateAuthority _authority = null!;
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        _authority = new PrivateAuthority(_directory.FullName);
        var options = ServiceHost.Options(Path.Combine(_directory.FullName, "c.sock")) with
        {
            Cluster = new ClusterOptions
            {
                Name = "c", Node = new NodeName("n0"), Listen = new NodeAddress("127.0.0.1", 1), Advertise = new NodeAddress("127.0.0.1", 1), PeerPort = _port, Seeds = [],
                AcceptablePause = TimeSpan.FromSeconds(1), SplitStableAfter = TimeSpan.FromSeconds(1), MaxClockSkew = TimeSpan.FromSeconds(1), Tls = _authority.Sign("n0"),
            },
            Gateway = new GatewayOptions
            {
                Listen = new NodeAddress("127.0.0.2", _port), Advertise = new NodeAddress("127.0.0.2", _port), Tls = _authority.Sign("n0"),
                Rights = new Dictionary<Right, IReadOnlyList<string>> { [Right.Observe] = ["grafana"] },
            },
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGatedConnections(new ConnectionLimits(100, 100));
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            NetworkListeners.ListenOn(kestrel, options, new NetworkTrust(Trust(options.Cluster.Tls), Trust(options.Gateway.Tls)));
            kestrel.Listen(IPAddress.Loopback, _unmarked, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.ListenUnixSocket(options.Endpoint, listen => listen.Protocols = HttpProtocols.Http2);
        });
        _app = builder.Build();
        _app.UseCallerRights(options);
        _app.Run(context =>
        {
            context.Response.Headers["by"] = $"{Caller.Of(context).By}";
            return Task.CompletedTask;
        });
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }

    [Theory]
    [InlineData("127.0.0.1", "n1", Drain, null, "Peers")]
    [InlineData("127.0.0.1", "n1", Find, null, "Peers")]
    [InlineData("127.0.0.1", "n1", Kata, NotServed, null)]
    [InlineData("127.0.0.2", "n1", Drain, Denied, null)]
    [InlineData("127.0.0.2", "n1", Status, Denied, null)]
    [InlineData("127.0.0.2", "n1", Find, NotServed, null)]
    [InlineData("127.0.0.2", "grafana", Status, null, "Callers")]
    [InlineData("127.0.0.2", "grafana", Drain, Denied, null)]
    public async Task Gives_each_listener_what_it_is_for_though_the_numbers_of_the_ports_are_one(string address, string name, string method, string? status, string? by)
    {
        using var client = Client($"https://{address}:{_port}", TlsIdentity.Load(_authority.Sign(name)));

        Assert.Equal((status, by), await CallAsync(client, method));
    }

    [Fact]
    public async Task Serves_nothing_on_a_listener_that_has_no_mark_and_all_on_a_unix_socket()
    {
        using var unmarked = Client($"http://127.0.0.1:{_unmarked}", null);
        foreach (var method in new[] { Status, Drain }) Assert.Equal((Denied, null), await CallAsync(unmarked, method));
        foreach (var method in new[] { Find, Kata }) Assert.Equal((NotServed, null), await CallAsync(unmarked, method));

        using var local = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_directory.FullName, "c.sock")), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        }) { BaseAddress = new Uri("http://x"), DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.Equal((null, "Local"), await CallAsync(local, Kata));
    }

    private static async Task<(string? Status, string? By)> CallAsync(HttpClient client, string method)
    {
        using var answer = await client.PostAsync(new Uri(method, UriKind.Relative), new ByteArrayContent([]));
        string? One(string header) => answer.Headers.TryGetValues(header, out var values) ? values.Single() : null;
        return (One("grpc-status"), One("by"));
    }

    private static HttpClient Client(string at, TlsIdentity? identity)
    {
        var handler = new SocketsHttpHandler();
        if (identity is not null) handler.SslOptions = identity.ClientOptions("n0", problem => throw new InvalidOperationException(problem));
        return new HttpClient(handler) { BaseAddress = new Uri(at), DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
    }

    private static PeerTrust Trust(TlsFiles? files) => new(files, "tls", NullLogger.Instance, TimeProvider.System);
}
