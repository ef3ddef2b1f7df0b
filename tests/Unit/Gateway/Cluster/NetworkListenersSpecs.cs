using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
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
using VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class NetworkListenersSpecs : IAsyncLifetime
{
    private const int Places = 200;

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
        builder.Services.AddGatedConnections(new ConnectionLimits(Places, Places));
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

    /// <summary>All of one address: what a stranger has.</summary>
    [Fact]
    public async Task Serves_others_while_a_stranger_holds_handshakes_open()
    {
        List<Socket> held = [];
        try
        {
            for (var i = 0; i < 2 * Places; i++) held.Add(await StrangeAsync());

            using var client = Client();
            Assert.Equal("done", await client.GetStringAsync(new Uri("/", UriKind.Relative)));
            await Eventually.Async(() => held.TrueForAll(s => s.Poll(0, SelectMode.SelectRead)), "those that say nothing are closed");
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }
    }

    [Fact]
    public async Task Serves_others_while_a_caller_opens_as_many_connections_as_it_can()
    {
        var gate = _app.Services.GetRequiredService<ConnectionGates>().Network.Single();
        var greedy = Identity("greedy");
        List<SslStream> held = [];
        try
        {
            for (var i = 0; i < Places; i++)
            {
                var tls = new SslStream(new NetworkStream(await StrangeAsync(), ownsSocket: true));
                held.Add(tls);
                try
                {
                    var options = greedy.ClientOptions("n0", problem => throw new InvalidOperationException(problem));
                    options.ApplicationProtocols = [SslApplicationProtocol.Http2];
                    await tls.AuthenticateAsClientAsync(options);
                }
                catch (IOException)
                {
                    // Closed at once.
                }
            }

            await Eventually.Async(() => gate.Open == Places / 2, "it has one half", () => $"{gate.Open}");
            using var client = Client();
            Assert.Equal("done", await client.GetStringAsync(new Uri("/", UriKind.Relative)));
            Assert.True(await IsServedAsync(Shown("another")), "another caller at the same address");
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }

        await Eventually.Async(() => gate.Open == 0, "it has left", () => $"{gate.Open}");
        Assert.True(await IsServedAsync(Shown("greedy")), "it has its places again");
    }

    public static TheoryData<string> Monsters => ["16 kB", "300 kB", "100 deep", "100 deep, of the authority"];

    /// <summary>What a certificate says is read before it is known who has signed it.</summary>
    [Theory]
    [MemberData(nameof(Monsters))]
    public async Task Serves_others_when_certificates_are_large_or_their_chains_long(string monster)
    {
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");
        var ours = monster.EndsWith("of the authority", StringComparison.Ordinal);
        var (shown, key, above) = Monster(monster, ours ? _authority : strangers);
        using var own = X509Certificate2.CreateFromPemFile(shown, key);
        var gate = _app.Services.GetRequiredService<ConnectionGates>().Network.Single();
        // Made before they connect: a handshake has 5 s.
        var shownChain = SslStreamCertificateContext.Create(own, above, offline: true);
        var strange = Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 5; i++) Assert.Equal(ours, await IsServedAsync(shownChain));
        }));
        do
        {
            // With a handshake of its own each time.
            using var client = Client();
            Assert.Equal("done", await client.GetStringAsync(new Uri("/", UriKind.Relative)));
        }
        while (!strange.IsCompleted);
        await strange;

        await Eventually.Async(() => gate.Open == 0, "none has kept a place", () => $"{gate.Open}");
        Assert.True(await IsServedAsync(Shown("one")), "from the strangers' address");
    }

    /// <summary>In TLS 1.3 the server's verdict comes after the client's part: whoever is not trusted is hung up on then.</summary>
    private async Task<bool> IsServedAsync(SslStreamCertificateContext shown)
    {
        await using var tls = new SslStream(new NetworkStream(await StrangeAsync(), ownsSocket: true));
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "n0", ApplicationProtocols = [SslApplicationProtocol.Http2], ClientCertificateContext = shown,
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            }).WaitAsync(Eventually.Patience);
            await tls.WriteAsync(Frames.Preface);
            return await tls.ReadAsync(new byte[1]).AsTask().WaitAsync(Eventually.Patience) == 1;
        }
        catch (Exception refused) when (refused is IOException or AuthenticationException)
        {
            return false;
        }
    }

    private (string Certificate, string Key, X509Certificate2Collection Above) Monster(string monster, PrivateAuthority signer)
    {
        X509Certificate2Collection above = [];
        if (monster.EndsWith("kB", StringComparison.Ordinal))
        {
            var large = signer.Sign("large", padding: int.Parse(monster.Split(' ')[0], CultureInfo.InvariantCulture) << 10);
            return (large.Certificate, large.Key, above);
        }

        for (var i = 0; i < 100; i++)
        {
            signer = signer.Subordinate($"number {i}");
            above.Insert(0, X509CertificateLoader.LoadCertificateFromFile(signer.Certificate));
        }

        var leaf = signer.Sign("deep");
        return (leaf.Certificate, leaf.Key, above);
    }

    /// <summary>From an address that no other caller has.</summary>
    private async Task<Socket> StrangeAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0));
        await socket.ConnectAsync(IPAddress.Loopback, _port);
        return socket;
    }

    private void Rotate()
    {
        var before = _trust.Current;
        File.SetLastWriteTimeUtc(_authority.Sign("n0").Certificate, DateTime.UtcNow.AddSeconds(++_rotations));
        _time.Advance(TimeSpan.FromSeconds(2));
        _trust.Watch();
        Assert.NotSame(before, _trust.Current);
    }

    private HttpClient Client() => new(new SocketsHttpHandler { SslOptions = Identity("caller").ClientOptions("n0", problem => throw new InvalidOperationException(problem)) })
    {
        BaseAddress = new Uri($"https://127.0.0.1:{_port}"), DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private TlsIdentity Identity(string name) => TlsIdentity.Load(_authority.Sign(name));

    private SslStreamCertificateContext Shown(string name) => SslStreamCertificateContext.Create(Identity(name).Certificate, null, offline: true);
}
