using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Client;

/// <summary>PEM files of a caller on another machine.</summary>
/// <param name="Certificate">The caller's own.</param>
/// <param name="Key">Its private key, unencrypted.</param>
/// <param name="Authority">Gateways whose certificates one of these has signed are trusted.</param>
public sealed record ClientTls(string Certificate, string Key, string Authority);

/// <summary>gRPC over TCP and mutual TLS.</summary>
internal static class TlsChannel
{
    /// <summary>Far more than certificates of all authorities in the world.</summary>
    private const int LargestFile = 1 << 20;

    /// <summary>A channel that connects at its first call.</summary>
    /// <exception cref="VmCacheException">The files cannot be used.</exception>
    internal static GrpcChannel Open(string gateway, ClientTls tls)
    {
        var authorities = new X509Certificate2Collection();
        X509Certificate2 certificate;
        try
        {
            authorities.ImportFromPem(RegularFile.ReadText(tls.Authority, LargestFile));
            certificate = X509Certificate2.CreateFromPem(RegularFile.ReadText(tls.Certificate, LargestFile), RegularFile.ReadText(tls.Key, LargestFile));
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new VmCacheException(StatusCode.InvalidArgument, Reasons.BadTls, $"the certificates cannot be used: {e.Message} ({tls.Certificate}, {tls.Key}, {tls.Authority})", e);
        }

        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
                CertificateChainPolicy = Policy(authorities),
            },
        };
        return GrpcChannel.ForAddress($"https://{gateway}", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    /// <summary>The authority has to be one of ours. That the name is the gateway's is TLS's own check.</summary>
    private static X509ChainPolicy Policy(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate names URLs, and a stranger's names any: nothing is fetched.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }
}
