using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Callers;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The TCP ports: one for the other nodes, one for callers on other machines.</summary>
public static class NetworkListeners
{
    public static void ListenOn(KestrelServerOptions kestrel, NodeOptions options, NetworkTrust trust)
    {
        if (options.Cluster is { } cluster) Listen(kestrel, cluster.Listen with { Port = cluster.PeerPort }, Entrance.Peers, trust.Peers);
        if (options.Gateway is { } gateway) Listen(kestrel, gateway.Listen, Entrance.Callers, trust.Callers);
    }

    private static void Listen(KestrelServerOptions kestrel, NodeAddress at, Entrance entrance, PeerTrust trust)
    {
        var address = IPAddress.TryParse(at.Host, out var number) ? number
            : Dns.GetHostAddresses(at.Host).FirstOrDefault() ?? throw new IOException($"{at.Host} has no address");
        kestrel.Listen(address, at.Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.MarkAs(entrance);
            if (!trust.IsOn) return;
            var handshakes = new Handshakes();
            listen.Use(next => connection => ShakeAsync(connection, handshakes, next));
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = context => ValueTask.FromResult(Options(context, trust)), HandshakeTimeout = handshakes.Limit });
            if (entrance == Entrance.Callers) ShareOut(listen);
            listen.Use(next => connection => ServeAsync(connection, next));
        });
    }

    /// <summary>Right after the handshake.</summary>
    private static void ShareOut(ListenOptions listen)
    {
        var services = listen.ApplicationServices;
        var shares = new CallerShares(
            services.GetRequiredService<ConnectionGates>().Of(listen.EndPoint), TimeProvider.System, services.GetRequiredService<ILoggerFactory>().CreateLogger("vmcached"));
        listen.Use(next => async connection =>
        {
            using var place = shares.TryEnter(connection.Features.Get<ITlsConnectionFeature>()!.ClientCertificate!);
            if (place is not null) await next(connection);
        });
    }

    /// <summary>Before the handshake.</summary>
    private static async Task ShakeAsync(ConnectionContext connection, Handshakes handshakes, ConnectionDelegate next)
    {
        using var place = handshakes.TryBegin(connection.RemoteEndPoint);
        if (place is null) return;
        connection.Features.Set(new Shaking(place));
        await next(connection);
    }

    private static SslServerAuthenticationOptions Options(TlsHandshakeCallbackContext context, PeerTrust trust)
    {
        var identity = trust.Current ?? throw new AuthenticationException("the certificates of this node cannot be used");
        var peer = context.Connection.RemoteEndPoint?.ToString() ?? "?";
        context.Connection.Features.Set(identity);
        var options = identity.ServerOptions(problem => trust.Tell(peer, problem));
        options.ApplicationProtocols = [SslApplicationProtocol.Http2];
        return options;
    }

    /// <summary>After the handshake, until the connection ends: it is asked to end when the certificates are replaced, and ended an hour later.</summary>
    private static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        connection.Features.Get<Shaking>()?.Place.Dispose();
        using var late = new CancellationTokenSource();
        await using var replaced = connection.Features.Get<TlsIdentity>()!.Replaced.Register(() =>
        {
            connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            late.CancelAfter(TlsIdentity.Grace);
        });
        await using var over = late.Token.Register(() => connection.Abort(new ConnectionAbortedException("the certificates were replaced")));
        await next(connection);
    }

    private sealed record Shaking(IDisposable Place);
}
