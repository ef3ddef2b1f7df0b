using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>An authority as an operator would make one, and what it signs, in PEM files of a directory.</summary>
public sealed class PrivateAuthority : IDisposable
{
    private readonly string _directory;
    private readonly X509Certificate2 _own;
    private byte _serial = 1;

    public PrivateAuthority(string directory, string name = "test authority") : this(directory, name, SelfSigned(name))
    {
    }

    private PrivateAuthority(string directory, string name, X509Certificate2 own)
    {
        (_directory, _own) = (directory, own);
        Certificate = Path.Combine(directory, $"{name.Replace(' ', '-')}.crt");
        File.WriteAllText(Certificate, _own.ExportCertificatePem());
    }

    public string Certificate { get; }

    /// <summary>An authority that this one has signed.</summary>
    public PrivateAuthority Subordinate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Request(name, key, authority: true).Create(_own, _own.NotBefore, _own.NotAfter, [_serial++]);
        return new PrivateAuthority(_directory, name, signed.CopyWithPrivateKey(key));
    }

    /// <summary>The files of a certificate for one name.</summary>
    /// <param name="chain">The authority's own stands in the file, too.</param>
    /// <param name="use">Its only extended key usage, an OID; null: it has none.</param>
    /// <param name="issuerAt">A URL of the authority's certificate.</param>
    /// <param name="subject">Null: the name as common name.</param>
    /// <param name="padding">Bytes of an extension that nobody knows.</param>
    public TlsFiles Sign(
        string name, TimeSpan? from = null, TimeSpan? until = null, bool chain = false, string? use = null, string? issuerAt = null, X500DistinguishedName? subject = null,
        int padding = 0)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = subject is null ? Request(name, key, authority: false) : new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        if (use is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        if (issuerAt is not null) request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(null, [issuerAt]));
        if (padding > 0) request.CertificateExtensions.Add(new X509Extension("1.3.6.1.4.1.99999.1", new byte[padding], critical: false));
        var now = DateTimeOffset.UtcNow;
        using var signed = request.Create(_own, now + (from ?? TimeSpan.FromDays(-1)), now + (until ?? TimeSpan.FromDays(60)), [_serial++]);
        var files = new TlsFiles(Path.Combine(_directory, $"{name}.crt"), Path.Combine(_directory, $"{name}.key"), Certificate);
        File.WriteAllText(files.Certificate, signed.ExportCertificatePem() + (chain ? "\n" + _own.ExportCertificatePem() : ""));
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }

    /// <summary>A common name that OpenSSL takes and .NET does not read: a PrintableString with a character that is not one of its own.</summary>
    public static X500DistinguishedName Unreadable() => OneName(("2.5.4.3", [0x13, 3, (byte)'a', (byte)'@', (byte)'b']));

    /// <summary>A common name and a unit in one relative name, which .NET does not take apart.</summary>
    public static X500DistinguishedName Together() => OneName(("2.5.4.3", [0x0c, 2, (byte)'c', (byte)'n']), ("2.5.4.11", [0x0c, 2, (byte)'o', (byte)'u']));

    private static X500DistinguishedName OneName(params (string Type, byte[] Value)[] elements)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSetOf())
        {
            foreach (var (type, value) in elements)
            {
                using var element = writer.PushSequence();
                writer.WriteObjectIdentifier(type);
                writer.WriteEncodedValue(value);
            }
        }

        return new X500DistinguishedName(writer.Encode());
    }

    public void Dispose() => _own.Dispose();

    private static X509Certificate2 SelfSigned(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Request(name, key, authority: true).CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(2));
    }

    private static CertificateRequest Request(string name, ECDsa key, bool authority)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        if (!authority) return request;
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }
}
