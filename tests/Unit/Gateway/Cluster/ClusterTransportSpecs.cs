using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Cluster.Transport;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

/// <summary>Actor systems on the loopback interface that speak over our transport, among each other and with Akka's own.</summary>
public sealed class ClusterTransportSpecs : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-ct");
    private readonly List<ActorSystem> _systems = [];
    private readonly ManualTime _time = new();
    private PrivateAuthority _authority = null!;
    private int _rotations;

    public Task InitializeAsync()
    {
        _authority = new PrivateAuthority(_directory.FullName);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        foreach (var system in _systems) await system.Terminate();
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Carries_messages_of_all_sizes_both_ways(bool tls)
    {
        var (one, two) = (Start(tls ? "n0" : null), Start(tls ? "n1" : null));

        await TalkAsync(one, two, 0, 1, 100_000, 500_000);
        await TalkAsync(two, one, 0, 1, 100_000, 500_000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Speaks_with_nodes_of_an_older_version(bool tls)
    {
        var (node, older) = (Start(tls ? "n0" : null), StartOlder(tls ? "n1" : null));

        await TalkAsync(node, older, 0, 100_000);
        await TalkAsync(older, node, 0, 100_000);
    }

    [Fact]
    public async Task Sends_what_was_told_before_it_ends()
    {
        var (one, two) = (Start("n0"), Start("n1"));
        await TalkAsync(one, two, 1);
        var counted = new TaskCompletionSource();
        two.System.ActorOf(Props.Create(() => new Counter(200, counted)), "counter");
        var counter = await one.System.ActorSelection($"{two.Address}/user/counter").ResolveOne(Eventually.Patience);

        for (var i = 0; i < 200; i++) counter.Tell(new string('x', 10_000));
        await one.System.Terminate();

        await counted.Task.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Uses_new_certificates_without_a_restart_and_ends_what_was_made_with_the_old_ones()
    {
        var (one, two) = (Start("n0"), Start("n1"));
        await TalkAsync(one, two, 1);
        var before = two.Gate.Open;

        for (var i = 0; i < 10; i++)
        {
            Rotate(one);
            Rotate(two);
            await TalkAsync(one, two, 1);
            await TalkAsync(two, one, 1);
        }

        await Eventually.Async(() => two.Gate.Open <= before + 1 && one.Gate.Open <= 2, "old connections have ended", () => $"{one.Gate.Open} and {two.Gate.Open}, {before} before");
        // The certificate that is shown is the one that is on disk.
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, two.At.Port);
        await using var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsClientAsync(TlsIdentity.Load(_authority.Sign("n9")).ClientOptions("n1", _ => { }));
        Assert.Equal(two.Trust.Current!.Certificate.SerialNumber, stream.RemoteCertificate!.GetSerialNumberString());
    }

    [Fact]
    public async Task Refuses_strangers_and_says_so_and_goes_on()
    {
        using var strangers = new PrivateAuthority(_directory.FullName, "strangers");
        var (one, two, stranger) = (Start("n0"), Start("n1"), Start("n2", strangers));

        Assert.Null(await AskAsync(stranger, one, 1, TimeSpan.FromSeconds(3)));
        Assert.Null(await AskAsync(one, stranger, 1, TimeSpan.FromSeconds(3)));

        await Eventually.Async(
            () => one.Log.Lines.Any(l => l.Contains("it (CN=n2, signed by CN=strangers) is not signed by CN=test authority", StringComparison.Ordinal)),
            "it says why", () => string.Join('\n', one.Log.Lines));
        Assert.False(one.System.WhenTerminated.IsCompleted);
        Assert.False(stranger.System.WhenTerminated.IsCompleted);
        await TalkAsync(one, two, 1);
    }

    [Fact]
    public async Task Has_room_for_nodes_while_a_stranger_holds_handshakes_open()
    {
        // None of them ends by itself.
        var (one, two) = (Start("n0"), Start("n1", handshakes: new Handshakes(limit: TimeSpan.FromHours(1))));
        List<Socket> held = [];
        try
        {
            for (var i = 0; i < 100; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                held.Add(socket);
                socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0));
                await socket.ConnectAsync(IPAddress.Loopback, two.At.Port);
            }

            await TalkAsync(one, two, 1);
            // The stranger has so many and no more; the others were closed.
            await Eventually.Async(() => held.Count(IsOpen) == 16, "it has its share", () => $"{held.Count(IsOpen)}");
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }
    }

    [Fact]
    public async Task Ends_handshakes_that_take_too_long()
    {
        var node = Start("n0", handshakes: new Handshakes(limit: TimeSpan.FromMilliseconds(100)));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, node.At.Port);

        Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Eventually.Patience));
        await Eventually.Async(() => node.Gate.Open == 0, "its place is free again");
    }

    /// <summary>Names that OpenSSL takes and .NET does not read.</summary>
    [Fact]
    public async Task Loses_no_place_to_strangers_whose_certificates_cannot_be_read()
    {
        using var strangers = new PrivateAuthority(_directory.FullName, "strangers");
        var node = Start("n0", connections: 4);
        var files = strangers.Sign("odd", subject: PrivateAuthority.Unreadable());
        var shown = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(files.Certificate, files.Key), null, offline: true);
        for (var i = 0; i < 10; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, node.At.Port);
            await using var tls = new SslStream(client.GetStream());
            await Record.ExceptionAsync(async () =>
            {
                await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "n0", ClientCertificateContext = shown, RemoteCertificateValidationCallback = (_, _, _, _) => true });
                await tls.ReadExactlyAsync(new byte[1]);
            });
        }

        await Eventually.Async(() => node.Gate.Open == 0, "all places are free again", () => $"{node.Gate.Open} are taken");
        await TalkAsync(Start("n1"), node, 1);
    }

    [Fact]
    public async Task Ends_a_link_whose_other_side_reads_nothing()
    {
        using var deaf = new TcpListener(IPAddress.Loopback, 0);
        deaf.Start();
        var at = (IPEndPoint)deaf.LocalEndpoint;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 4096 };
        await socket.ConnectAsync(at);
        using var silent = await deaf.AcceptSocketAsync();
        var link = new Link(new Address("akka.tcp", "vmcache"), new Address("akka.tcp", "vmcache"), new SecuredLink(socket, new NetworkStream(socket), default), 1_000_000, _ => { });
        var running = link.RunAsync();
        for (var i = 0; i < 100 && link.Write(Google.Protobuf.ByteString.CopyFrom(new byte[500_000])); i++) await Task.Delay(10);

        link.Close();

        await running.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task Names_the_address_that_it_cannot_listen_on()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var at = new NodeAddress("127.0.0.1", ((IPEndPoint)taken.LocalEndpoint).Port);

        var fault = await Record.ExceptionAsync(() => Task.Run(() => Start(null, on: at)));

        Assert.Contains($"cannot listen on {at} (vmcache.cluster.listen): Address already in use", $"{fault}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_no_more_connections_than_may_be()
    {
        var node = Start(null, connections: 4);
        List<Socket> held = [];
        try
        {
            for (var i = 0; i < 40; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                held.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, node.At.Port);
            }

            await Eventually.Async(() => held.Count(IsOpen) == 4, "four are open", () => $"{held.Count(IsOpen)}");
        }
        finally
        {
            held.ForEach(s => s.Dispose());
        }

        await Eventually.Async(() => node.Gate.Open == 0, "their places are free again");
        await TalkAsync(Start(null), node, 1);
    }

    [Theory]
    [InlineData(new byte[] { 255, 255, 255, 255 })]
    [InlineData(new byte[] { 0, 0, 0, 127 })]
    [InlineData(new byte[] { 3, 0, 0, 0, 1, 2, 3 })]
    [InlineData(new byte[] { 3, 0, 0, 0, 1 })]
    public async Task Closes_a_connection_that_carries_nonsense_and_goes_on(byte[] sent)
    {
        var (one, two) = (Start(null), Start(null));
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, two.At.Port);
            var stream = client.GetStream();
            await stream.WriteAsync(sent);
            client.Client.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(Eventually.Patience));
        }

        await Eventually.Async(() => two.Gate.Open == 0, "its place is free again");
        await TalkAsync(one, two, 1);
    }

    private static bool IsOpen(Socket socket)
    {
        try
        {
            return !(socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task TalkAsync(Node from, Node to, params int[] lengths)
    {
        foreach (var length in lengths)
        {
            string? answer = null;
            // What is told while a connection ends may be lost, as ever between actors.
            await Eventually.Async(async () => (answer = await AskAsync(from, to, length, TimeSpan.FromSeconds(1))) is not null, $"{from.Address} gets an answer from {to.Address}");
            Assert.Equal(new string('y', length), answer);
        }
    }

    private static async Task<string?> AskAsync(Node from, Node to, int length, TimeSpan patience)
    {
        try
        {
            return await from.System.ActorSelection($"{to.Address}/user/echo").Ask<string>(new string('y', length), patience);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }

    private void Rotate(Node node)
    {
        var before = node.Trust.Current;
        File.SetLastWriteTimeUtc(_authority.Sign(node.Name!).Certificate, DateTime.UtcNow.AddSeconds(++_rotations));
        _time.Advance(TimeSpan.FromSeconds(2));
        node.Trust.Watch();
        Assert.NotSame(before, node.Trust.Current);
    }

    private Node Start(string? name, PrivateAuthority? authority = null, int connections = 1000, Handshakes? handshakes = null, NodeAddress? on = null)
    {
        var at = on ?? FreePort.Address();
        var log = new CapturedLog();
        var trust = new PeerTrust(name is null ? null : (authority ?? _authority).Sign(name), "vmcache.cluster.tls", log.CreateLogger("vmcached"), _time);
        trust.Reload();
        var gate = new ConnectionGate(connections, "nodes", "max-network-connections", TimeProvider.System, NullLogger.Instance);
        var system = Created(new TransportSetup(Options(at), new PeerLinks(trust, gate, handshakes)), """
            akka.remote {
              enabled-transports = ["akka.remote.links"]
              links { transport-class = "VmCacheCluster.Gateway.Cluster.Transport.ClusterTransport, vmcached", applied-adapters = [], maximum-frame-size = 1000000b }
            }
            """);
        return new Node(system, at, name, trust, gate, log);
    }

    /// <summary>As the version before this transport.</summary>
    private Node StartOlder(string? name)
    {
        var at = FreePort.Address();
        var config = $$"""
            akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{at.Port}}, enable-ssl = {{(name is null ? "off" : "on")}}, maximum-frame-size = 1000000b, batching.enabled = off }
            """;
        Setup? tls = name is null ? null : new DotNettySslSetup(TlsIdentity.Load(_authority.Sign(name)).Certificate, suppressValidation: false, requireMutualAuthentication: true, (_, _, _, _, _) => true);
        return new Node(Created(tls, config), at, name, null!, null!, new CapturedLog());
    }

    private ActorSystem Created(Setup? with, string config)
    {
        var bootstrap = BootstrapSetup.Create().WithConfig(ConfigurationFactory.ParseString(config + "\nakka { actor.provider = remote, loglevel = OFF, stdout-loglevel = OFF, remote.retry-gate-closed-for = 100ms }"));
        var system = ActorSystem.Create("vmcache", with is null ? ActorSystemSetup.Create(bootstrap) : ActorSystemSetup.Create(bootstrap, with));
        _systems.Add(system);
        system.ActorOf(Props.Create(() => new Echo()), "echo");
        return system;
    }

    private static ClusterOptions Options(NodeAddress at) => new()
    {
        Name = "c", Node = new NodeName("n0"), Listen = at, Advertise = at, PeerPort = 1, Seeds = [],
        AcceptablePause = TimeSpan.FromSeconds(1), SplitStableAfter = TimeSpan.FromSeconds(1), MaxClockSkew = TimeSpan.FromSeconds(1),
    };

    private sealed record Node(ActorSystem System, NodeAddress At, string? Name, PeerTrust Trust, ConnectionGate Gate, CapturedLog Log)
    {
        public string Address => $"akka.{(Name is null ? "" : "ssl.")}tcp://vmcache@{At}";
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<string>(text => Sender.Tell(text));
    }

    private sealed class Counter : ReceiveActor
    {
        public Counter(int all, TaskCompletionSource counted)
        {
            var seen = 0;
            Receive<string>(_ =>
            {
                if (++seen == all) counted.SetResult();
            });
        }
    }
}
