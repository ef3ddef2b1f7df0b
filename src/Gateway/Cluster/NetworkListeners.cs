using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The TCP ports: one for the other nodes, one for callers on other machines.</summary>
public static class NetworkListeners
{
    public static void ListenOn(KestrelServerOptions kestrel, NodeOptions options, NetworkTrust trust)
    {
        if (options.Cluster is { } cluster) Listen(kestrel, cluster.Listen with { Port = cluster.PeerPort }, cluster.Tls is null ? null : trust.Peers);
        if (options.Gateway is { } gateway) Listen(kestrel, gateway.Listen, trust.Callers);
    }

    private static void Listen(KestrelServerOptions kestrel, NodeAddress at, PeerTrust? trust)
    {
        var address = IPAddress.TryParse(at.Host, out var number) ? number
            : Dns.GetHostAddresses(at.Host).FirstOrDefault() ?? throw new IOException($"{at.Host} has no address");
        kestrel.Listen(address, at.Port, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            if (trust is not null) listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = context => ValueTask.FromResult(Handshake(context, trust)) });
        });
    }

    private static SslServerAuthenticationOptions Handshake(TlsHandshakeCallbackContext context, PeerTrust trust)
    {
        var identity = trust.Current ?? throw new AuthenticationException("the certificates of this node cannot be used");
        var peer = context.Connection.RemoteEndPoint?.ToString() ?? "?";
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(identity.Certificate, null, offline: true),
            ClientCertificateRequired = true,
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            {
                if (identity.Problem(certificate) is not { } problem) return true;
                trust.Tell(peer, problem);
                return false;
            },
        };
    }
}
