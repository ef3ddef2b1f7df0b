using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class NetworkListenersSpecs : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-nl");
    private readonly ManualTime _time = new();
    private readonly TaskCompletionSource _finish = new();
    private readonly int _port = FreePort.Find();
    private PrivateAuthority _authority = null!;
    private PeerTrust _trust = null!;
    private int _rotations;
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        _authority = new PrivateAuthority(_directory.FullName);
        var options = ServiceHost.Options(Path.Combine(_directory.FullName, "c.sock")) with
        {
            Gateway = new GatewayOptions
            {
                Listen = new NodeAddress("127.0.0.1", _port), Advertise = new NodeAddress("127.0.0.1", _port), Tls = _authority.Sign("n0"),
                Rights = new Dictionary<Right, IReadOnlyList<string>>(),
            },
        };
        _trust = new PeerTrust(options.Gateway.Tls, "vmcache.gateway.tls", NullLogger.Instance, _time);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGatedConnections(new ConnectionLimits(1000, 1000));
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => NetworkListeners.ListenOn(kestrel, options, new NetworkTrust(_trust, _trust)));
        _app = builder.Build();
        _app.Run(async context =>
        {
            await context.Response.Body.FlushAsync();
            if (context.Request.Path == "/long") await _finish.Task;
            await context.Response.WriteAsync("done");
        });
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        _finish.TrySetResult();
        await _app.DisposeAsync();
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Ends_idle_connections_whose_certificates_were_replaced_and_lets_calls_finish()
    {
        var gate = _app.Services.GetRequiredService<ConnectionGates>().Network.Single();
        using var client = Client();
        using var running = await client.GetAsync(new Uri("/long", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);

        for (var i = 0; i < 10; i++)
        {
            Rotate();
            Assert.Equal("done", await client.GetStringAsync(new Uri("/", UriKind.Relative)));
        }

        Rotate();
        await Eventually.Async(() => gate.Open == 1, "the one with the call is left", () => $"{gate.Open}");
        _finish.SetResult();
        Assert.Equal("done", await running.Content.ReadAsStringAsync());
        await Eventually.Async(() => gate.Open == 0, "none is left", () => $"{gate.Open}");
    }

    [Fact]
    public async Task Serves_others_while_a_stranger_holds_handshakes_open()
    {
        List<Socket> held = [];
        try
        {
            for (var i = 0; i < 200; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                held.Add(socket);
                socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0));
                await socket.ConnectAsync(IPAddress.Loopback, _port);
            }

            using var client = Client();
            Assert.Equal("done", await client.GetStringAsync(new Uri("/", UriKind.Relative)));
            await Eventually.Async(() => held.TrueForAll(s => s.Poll(0, SelectMode.SelectRead)), "those that say nothing are closed");
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }
    }

    private void Rotate()
    {
        var before = _trust.Current;
        File.SetLastWriteTimeUtc(_authority.Sign("n0").Certificate, DateTime.UtcNow.AddSeconds(++_rotations));
        _time.Advance(TimeSpan.FromSeconds(2));
        _trust.Watch();
        Assert.NotSame(before, _trust.Current);
    }

    private HttpClient Client() => new(new SocketsHttpHandler { SslOptions = TlsIdentity.Load(_authority.Sign("caller")).ClientOptions("n0", problem => throw new InvalidOperationException(problem)) })
    {
        BaseAddress = new Uri($"https://127.0.0.1:{_port}"), DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };
}
