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

    public PrivateAuthority(string directory, string name = "test authority")
    {
        _directory = directory;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _own = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(2));
        Certificate = Path.Combine(directory, $"{name.Replace(' ', '-')}.crt");
        File.WriteAllText(Certificate, _own.ExportCertificatePem());
    }

    public string Certificate { get; }

    /// <summary>The files of a certificate for one name.</summary>
    public TlsFiles Sign(string name, TimeSpan? from = null, TimeSpan? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = DateTimeOffset.UtcNow;
        using var signed = request.Create(_own, now + (from ?? TimeSpan.FromDays(-1)), now + (until ?? TimeSpan.FromDays(1)), [_serial++]);
        var files = new TlsFiles(Path.Combine(_directory, $"{name}.crt"), Path.Combine(_directory, $"{name}.key"), Certificate);
        File.WriteAllText(files.Certificate, signed.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }

    public void Dispose() => _own.Dispose();
}
