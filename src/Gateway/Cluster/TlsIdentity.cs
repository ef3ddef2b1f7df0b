using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Who this node is, and whom it trusts: those whose certificates a private authority has signed.</summary>
public sealed class TlsIdentity
{
    /// <summary>Of a certificate, a key, or the authorities.</summary>
    public const int LargestFile = 1 << 20;

    private readonly X509Certificate2Collection _authorities;

    private TlsIdentity(X509Certificate2 certificate, X509Certificate2Collection authorities) => (Certificate, _authorities) = (certificate, authorities);

    public X509Certificate2 Certificate { get; }

    /// <exception cref="TlsException">The files cannot be used; says which and why.</exception>
    public static TlsIdentity Load(TlsFiles files)
    {
        var authorities = new X509Certificate2Collection();
        Try(files.Authority, () => authorities.ImportFromPem(RegularFile.ReadText(files.Authority, LargestFile)));
        if (authorities.Count == 0) throw new TlsException($"{files.Authority} holds no certificate");
        X509Certificate2? certificate = null;
        Try($"{files.Certificate} with the key {files.Key}", () => certificate = X509Certificate2.CreateFromPem(RegularFile.ReadText(files.Certificate, LargestFile), RegularFile.ReadText(files.Key, LargestFile)));
        var identity = new TlsIdentity(certificate!, authorities);
        return identity.Problem(certificate) is { } problem ? throw new TlsException($"this node's own certificate, {files.Certificate}, is of no use: {problem}") : identity;
    }

    /// <summary>Why a certificate is not trusted; null: it is.</summary>
    public string? Problem(X509Certificate? certificate)
    {
        if (certificate is null) return "it shows no certificate";
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        var shown = certificate as X509Certificate2 ?? X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        if (chain.Build(shown)) return null;
        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        return status.HasFlag(X509ChainStatusFlags.NotTimeValid) && DateTime.UtcNow > shown.NotAfter.ToUniversalTime() ? $"it ({shown.Subject}) expired at {shown.NotAfter.ToUniversalTime():u}"
            : status.HasFlag(X509ChainStatusFlags.NotTimeValid) && DateTime.UtcNow < shown.NotBefore.ToUniversalTime() ? $"it ({shown.Subject}) is valid from {shown.NotBefore.ToUniversalTime():u}: is the clock right?"
            : (status & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot)) != 0 ? $"it ({shown.Subject}, signed by {shown.Issuer}) is not signed by {_authorities[0].Subject}"
            : $"it ({shown.Subject}): {string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation))}";
    }

    /// <summary>All names that a certificate gives its owner.</summary>
    public static IReadOnlyList<string> NamesOf(X509Certificate2 certificate)
        =>
        [
            .. new[] { certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) }
                .Concat(certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(e => e.EnumerateDnsNames()))
                .Distinct(),
        ];

    /// <param name="refused">Told why the other side is not trusted.</param>
    public SslClientAuthenticationOptions ClientOptions(string host, Action<string>? refused = null) => new()
    {
        TargetHost = host,
        ClientCertificateContext = SslStreamCertificateContext.Create(Certificate, null, offline: true),
        // Nodes are known by their authority, not by their names: those come and go.
        RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            if (Problem(certificate) is not { } problem) return true;
            refused?.Invoke(problem);
            return false;
        },
    };

    private static void Try(string what, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new TlsException($"{what} cannot be used: {e.Message}");
        }
    }
}

/// <summary>Certificates that cannot be used, in words for a person.</summary>
public sealed class TlsException(string message) : Exception(message);
