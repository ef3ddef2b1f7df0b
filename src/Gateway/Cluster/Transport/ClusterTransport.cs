using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote;
using Akka.Remote.Transport;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster.Transport;

/// <summary>What the transport of a cluster's actor system is made of.</summary>
/// <param name="options">Where it listens, and how others reach it.</param>
internal sealed class TransportSetup(ClusterOptions options, ILinkSecurity security) : Setup
{
    public ClusterOptions Options => options;

    public ILinkSecurity Security => security;
}

/// <summary>
/// Akka.Remote's transport, of the same addresses and bytes as that of Akka.NET over DotNetty. That one reads certificates once, loads what
/// certificates of strangers point to, and bounds neither handshakes nor connections (ADR 0026). Made by Akka, by its name in the configuration.
/// </summary>
internal sealed class ClusterTransport : Akka.Remote.Transport.Transport
{
    private static readonly TimeSpan Connect = TimeSpan.FromSeconds(3);

    private readonly ClusterOptions _options;
    private readonly ILinkSecurity _security;
    private readonly ILoggingAdapter _log;
    private readonly CancellationTokenSource _over = new();
    /// <summary>Akka takes links between the same addresses for equal.</summary>
    private readonly ConcurrentDictionary<Link, Task> _links = new(ReferenceEqualityComparer.Instance);
    private readonly TaskCompletionSource<IAssociationEventListener> _listener = new();
    private Socket? _server;
    private volatile bool _closing;
    private Task _accepting = Task.CompletedTask;

    public ClusterTransport(ActorSystem system, Config config)
    {
        (System, Config) = (system, config);
        var setup = system.Settings.Setup.Get<TransportSetup>().Value;
        (_options, _security) = (setup.Options, setup.Security);
        _log = Logging.GetLogger(system, this);
        SchemeIdentifier = _security.IsSecure ? "ssl.tcp" : "tcp";
        MaximumPayloadBytes = config.GetByteSize("maximum-frame-size")!.Value;
    }

    private Address Self => new(SchemeIdentifier, System.Name, _options.Advertise.Host, _options.Advertise.Port);

    public override bool IsResponsibleFor(Address remote) => true;

    public override async Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen()
    {
        try
        {
            var at = await ResolveAsync(_options.Listen.Host, _options.Listen.Port, _over.Token).ConfigureAwait(false);
            _server = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            if (at.Address.Equals(IPAddress.IPv6Any)) _server.DualMode = true;
            _server.Bind(at);
            _server.Listen(512);
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            _server?.Dispose();
            throw new RemoteTransportException($"cannot listen on {_options.Listen} (vmcache.cluster.listen): {fault.Message}", fault);
        }

        _accepting = AcceptAllAsync(_server);
        return (Self, _listener);
    }

    public override async Task<AssociationHandle> Associate(Address remoteAddress)
    {
        var (host, port) = (remoteAddress.Host!, remoteAddress.Port!.Value);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        limit.CancelAfter(Connect);
        Socket? socket = null;
        try
        {
            var at = await ResolveAsync(host, port, limit.Token).ConfigureAwait(false);
            socket = Prepared(new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
            await socket.ConnectAsync(at, limit.Token).ConfigureAwait(false);
            var secured = await _security.ConnectAsync(socket, host, limit.Token).ConfigureAwait(false);
            return Serve(secured, remoteAddress, place: null);
        }
        catch (Exception fault)
        {
            socket?.Dispose();
            throw new InvalidAssociationException(
                fault is OperationCanceledException ? $"{remoteAddress} is not reached within {Connect.TotalSeconds:0} s" : $"{remoteAddress} is not reached: {fault.Message}", fault);
        }
    }

    public override async Task<bool> Shutdown()
    {
        _closing = true;
        _server?.Dispose();
        foreach (var link in _links.Keys) link.Close();
        await Task.WhenAll(_links.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _over.CancelAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }

    private async Task AcceptAllAsync(Socket server)
    {
        var listener = await _listener.Task.ConfigureAwait(false);
        while (true)
        {
            try
            {
                var socket = await server.AcceptAsync(_over.Token).ConfigureAwait(false);
                if (_security.Admit() is { } place) _ = AcceptAsync(socket, place, listener);
                else socket.Dispose();
            }
            catch (Exception fault)
            {
                if (_closing) return;

                // A connection that was reset before we took it, or no descriptor left: another one may succeed.
                _log.Warning("a connection to Akka's port could not be accepted: {0}", fault.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task AcceptAsync(Socket socket, IDisposable place, IAssociationEventListener listener)
    {
        try
        {
            var remote = Prepared(socket).RemoteEndPoint as IPEndPoint ?? throw new IOException("the connection has no other end");
            var secured = await _security.AcceptAsync(socket, _over.Token).ConfigureAwait(false);
            listener.Notify(new InboundAssociation(Serve(secured, new Address(SchemeIdentifier, System.Name, Text(remote.Address), remote.Port), place)));
        }
        catch (Exception fault)
        {
            // Whatever it is, the place is free again. Strangers are told of by what knows why it does not trust them.
            _log.Debug("a connection to Akka's port came to nothing: {0}", fault.Message);
            socket.Dispose();
            place.Dispose();
        }
    }

    private Link Serve(SecuredLink secured, Address remote, IDisposable? place)
    {
        var link = new Link(Self, remote, secured, (int)MaximumPayloadBytes, why => _log.Error("the connection with {0} is closed: {1}", remote, why));
        var outdated = secured.Outdated.Register(link.Close);
        _links[link] = RunAsync();
        if (_closing) link.Close();
        return link;

        async Task RunAsync()
        {
            // The link is in the table before it can leave it.
            await Task.Yield();
            await link.RunAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await outdated.DisposeAsync().ConfigureAwait(false);
            _links.TryRemove(link, out _);
            place?.Dispose();
        }
    }

    private static Socket Prepared(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        return socket;
    }

    /// <exception cref="SocketException">The name cannot be resolved.</exception>
    private static async Task<IPEndPoint> ResolveAsync(string host, int port, CancellationToken cancel)
    {
        if (IPAddress.TryParse(host, out var number)) return new IPEndPoint(number, port);
        var found = await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork, cancel).ConfigureAwait(false);
        return found.Length > 0 ? new IPEndPoint(found[0], port) : throw new IOException($"{host} has no IPv4 address");
    }

    private static string Text(IPAddress address)
        => address.AddressFamily == AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6 ? $"[{address}]" : address.MapToIPv4().ToString();
}
