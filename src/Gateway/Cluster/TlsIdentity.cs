using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Files;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>This node's certificate, and the authorities whose certificates it trusts.</summary>
public sealed class TlsIdentity
{
    /// <summary>Of a certificate, a key, or the authorities; in bytes.</summary>
    public const int LargestFile = 1 << 20;

    /// <summary>How long calls go on that run on a connection whose certificates have been replaced.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly X509Certificate2Collection _authorities;
    private readonly X509Certificate2Collection _intermediates;
    private readonly SslStreamCertificateContext _shown;
    private readonly CancellationTokenSource _replaced = new();

    private TlsIdentity(X509Certificate2Collection chain, X509Certificate2Collection authorities)
    {
        _authorities = authorities;
        Certificate = chain[0];
        _intermediates = [.. chain.Skip(1)];
        // Nothing is looked for elsewhere: what the file holds is shown.
        _shown = SslStreamCertificateContext.Create(Certificate, _intermediates, offline: true);
        Subject = Name(Certificate);
    }

    public X509Certificate2 Certificate { get; }

    /// <summary>For a person.</summary>
    public string Subject { get; }

    public DateTimeOffset Expires => Certificate.NotAfter.ToUniversalTime();

    /// <summary>Cancelled when this node has other certificates: connections made with these have to end.</summary>
    public CancellationToken Replaced => _replaced.Token;

    /// <summary>Both show and trust the same.</summary>
    public bool Shows(TlsIdentity other)
        => Certificate.RawDataMemory.Span.SequenceEqual(other.Certificate.RawDataMemory.Span) && _intermediates.SequenceEqual(other._intermediates) && _authorities.SequenceEqual(other._authorities);

    /// <summary>Has the connections that were made with these certificates end.</summary>
    public void Retire() => _replaced.Cancel();

    /// <exception cref="TlsException">The files cannot be used; says which and why.</exception>
    /// <param name="calls">The node shows it to others that it calls, too.</param>
    public static TlsIdentity Load(TlsFiles files, bool calls = true)
    {
        var authorities = new X509Certificate2Collection();
        Try(files.Authority, () => authorities.ImportFromPem(RegularFile.ReadText(files.Authority, LargestFile)));
        if (authorities.Count == 0) throw new TlsException($"{files.Authority} holds no certificate");
        var chain = new X509Certificate2Collection();
        Try($"{files.Certificate} with the key {files.Key}", () =>
        {
            var text = RegularFile.ReadText(files.Certificate, LargestFile);
            var own = X509Certificate2.CreateFromPem(text, RegularFile.ReadText(files.Key, LargestFile));
            chain.ImportFromPem(text);
            chain[0].Dispose();
            chain[0] = own;
        });
        TlsIdentity identity = null!;
        Try(files.Certificate, () => identity = new TlsIdentity(chain, authorities));
        return (identity.ProblemOfOwn(chain, TlsUse.Server) ?? (calls ? identity.ProblemOfOwn(chain, TlsUse.Client) : null)) is { } problem ? throw new TlsException($"this node's own certificate, {files.Certificate}, is of no use: {problem}") : identity;
    }

    /// <summary>The names that a certificate gives its owner: common names and DNS names. None, where they cannot be read.</summary>
    public static IReadOnlyList<string> NamesOf(X509Certificate2 certificate)
    {
        const string commonName = "2.5.4.3";
        try
        {
            return
            [
                .. certificate.SubjectName.EnumerateRelativeDistinguishedNames().SelectMany(Elements).Where(e => e.Type == commonName).Select(e => e.Value)
                    .Concat(certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(e => e.EnumerateDnsNames()))
                    .Distinct(),
            ];
        }
        catch (Exception fault) when (fault is CryptographicException or AsnContentException)
        {
            return [];
        }
    }

    /// <summary>.NET gives the elements of a name that has one alone.</summary>
    private static List<(string Type, string Value)> Elements(X500RelativeDistinguishedName name)
    {
        List<(string, string)> elements = [];
        for (var set = new AsnReader(name.RawData, AsnEncodingRules.DER).ReadSetOf(skipSortOrderValidation: true); set.HasData;)
        {
            var element = set.ReadSequence();
            elements.Add((element.ReadObjectIdentifier(), element.ReadCharacterString((UniversalTagNumber)element.PeekTag().TagValue)));
        }

        return elements;
    }

    /// <summary>Equal for two certificates of one subject and the same alternative names; what others show differs. SHA-256, in hexadecimal.</summary>
    public static string IdentityOf(X509Certificate2 certificate)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(certificate.SubjectName.RawData);
        foreach (var names in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()) hash.AppendData(names.RawData);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>A certificate's subject, for a person. .NET does not read some names that OpenSSL takes: they are empty, or it throws.</summary>
    public static string Name(X509Certificate2 certificate)
    {
        try
        {
            if (certificate.Subject is { Length: > 0 } subject) return subject;
        }
        catch (CryptographicException)
        {
            // Then by its digest.
        }

        return $"SHA-256 {certificate.GetCertHashString(HashAlgorithmName.SHA256)}";
    }

    private static string Issuer(X509Certificate2 certificate)
    {
        try
        {
            return certificate.Issuer;
        }
        catch (CryptographicException)
        {
            return "an issuer whose name cannot be read";
        }
    }

    /// <param name="refused">Told why the other side is not trusted.</param>
    public SslServerAuthenticationOptions ServerOptions(Action<string> refused) => new()
    {
        ServerCertificateContext = _shown,
        ClientCertificateRequired = true,
        // A session that is resumed would go on with a trust that may have ended.
        AllowTlsResume = false,
        CertificateChainPolicy = Policy(TlsUse.Client),
        RemoteCertificateValidationCallback = Check(refused),
    };

    /// <param name="refused">Told why the other side is not trusted.</param>
    public SslClientAuthenticationOptions ClientOptions(string host, Action<string> refused) => new()
    {
        TargetHost = host,
        ClientCertificateContext = _shown,
        AllowTlsResume = false,
        CertificateChainPolicy = Policy(TlsUse.Server),
        // Nodes are known by their authority, not by their names: those come and go.
        RemoteCertificateValidationCallback = Check(refused),
    };

    private RemoteCertificateValidationCallback Check(Action<string> refused) => (_, certificate, chain, _) =>
    {
        if (Problem(certificate, chain) is not { } problem) return true;
        refused(problem);
        return false;
    };

    /// <summary>Why a certificate is not trusted; null: it is.</summary>
    /// <param name="chain">Built by our policy.</param>
    private string? Problem(X509Certificate? certificate, X509Chain? chain)
    {
        if (certificate is null || chain is null) return "it shows no certificate";
        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        if (status == X509ChainStatusFlags.NoError) return null;
        var shown = certificate as X509Certificate2 ?? X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return status.HasFlag(X509ChainStatusFlags.NotTimeValid) && DateTime.UtcNow > shown.NotAfter.ToUniversalTime() ? $"it ({Name(shown)}) expired at {shown.NotAfter.ToUniversalTime():u}"
            : status.HasFlag(X509ChainStatusFlags.NotTimeValid) && DateTime.UtcNow < shown.NotBefore.ToUniversalTime() ? $"it ({Name(shown)}) is valid from {shown.NotBefore.ToUniversalTime():u}: is the clock right?"
            : (status & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot)) != 0 ? $"it ({Name(shown)}, signed by {Issuer(shown)}) is not signed by {Name(_authorities[0])}"
            : status.HasFlag(X509ChainStatusFlags.NotValidForUsage) ? $"it ({Name(shown)}) is not made for this use: its extended key usage has to name {Use(chain)}"
            : $"it ({Name(shown)}): {string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()))}";
    }

    private string? ProblemOfOwn(X509Certificate2Collection shown, Oid use)
    {
        using var chain = new X509Chain { ChainPolicy = Policy(use) };
        chain.ChainPolicy.ExtraStore.AddRange(shown);
        chain.Build(shown[0]);
        return Problem(shown[0], chain);
    }

    private X509ChainPolicy Policy(Oid use)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // A certificate names URLs of its issuers, and a stranger's names any: nothing is fetched.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(use);
        return policy;
    }

    private static string Use(X509Chain chain) => chain.ChainPolicy.ApplicationPolicy[0].Value == TlsUse.Client.Value ? "clientAuth" : "serverAuth";

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

    /// <summary>Extended key usages, of RFC 5280.</summary>
    private static class TlsUse
    {
        public static readonly Oid Server = new("1.3.6.1.5.5.7.3.1");
        public static readonly Oid Client = new("1.3.6.1.5.5.7.3.2");
    }
}

/// <summary>Certificates that cannot be used, in words for a person.</summary>
public sealed class TlsException(string message) : Exception(message);
