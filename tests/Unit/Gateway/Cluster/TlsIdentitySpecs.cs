using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

public sealed class TlsIdentitySpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmc-tls");
    private readonly PrivateAuthority _authority;

    public TlsIdentitySpecs() => _authority = new PrivateAuthority(_directory.FullName);

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Delete(true);
    }

    [Fact]
    public void Trusts_what_its_authority_has_signed()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));
        Assert.Null(own.Problem(X509CertificateLoader.LoadCertificateFromFile(_authority.Sign("b").Certificate)));
        Assert.Equal(["a"], TlsIdentity.NamesOf(own.Certificate));
    }

    [Fact]
    public void Says_what_is_wrong_with_a_certificate()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");
        string? Problem(TlsFiles files) => own.Problem(X509CertificateLoader.LoadCertificateFromFile(files.Certificate));

        Assert.Equal("it shows no certificate", own.Problem(null));
        Assert.StartsWith("it (CN=old) expired at ", Problem(_authority.Sign("old", TimeSpan.FromDays(-9), TimeSpan.FromDays(-2))), StringComparison.Ordinal);
        Assert.Matches(@"^it \(CN=new\) is valid from .*: is the clock right\?$", Problem(_authority.Sign("new", TimeSpan.FromDays(2), TimeSpan.FromDays(9))));
        Assert.Equal("it (CN=x, signed by CN=another authority) is not signed by CN=test authority", Problem(strangers.Sign("x")));
    }

    [Fact]
    public void Names_the_file_that_cannot_be_used()
    {
        var files = _authority.Sign("a");
        var other = _authority.Sign("b");
        var empty = Path.Combine(_directory.FullName, "empty");
        File.WriteAllText(empty, "");
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");
        string Fault(TlsFiles wrong) => Assert.Throws<TlsException>(() => TlsIdentity.Load(wrong)).Message;

        Assert.Contains("/nowhere", Fault(files with { Authority = "/nowhere" }), StringComparison.Ordinal);
        Assert.Equal($"{empty} holds no certificate", Fault(files with { Authority = empty }));
        Assert.StartsWith($"{files.Certificate} with the key {other.Key} cannot be used", Fault(files with { Key = other.Key }), StringComparison.Ordinal);
        Assert.StartsWith($"this node's own certificate, {files.Certificate}, is of no use", Fault(files with { Authority = strangers.Certificate }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Finds_out_whom_it_does_not_trust()
    {
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");
        var stranger = TlsIdentity.Load(strangers.Sign("wrong"));
        var node = TlsIdentity.Load(_authority.Sign("a"));
        const string why = "its certificate is not trusted here: it (CN=a, signed by CN=test authority) is not signed by CN=another authority";
        Assert.Equal(why, await AskAsync(stranger, node, async (probe, at) => (await probe.WhyAsync(at, default)).Reason));
        Assert.Equal(why, await AskAsync(stranger, node, (probe, at) => probe.DistrustAsync(at, default)));
        Assert.Null(await AskAsync(TlsIdentity.Load(_authority.Sign("b")), node, (probe, at) => probe.DistrustAsync(at, default)));
    }

    [Fact]
    public async Task Finds_out_that_nothing_listens()
    {
        var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        Assert.StartsWith("it is not reached (", (await new PeerProbe(() => null).WhyAsync(new NodeAddress("127.0.0.1", port), default)).Reason, StringComparison.Ordinal);
    }

    private static async Task<string?> AskAsync(TlsIdentity prober, TlsIdentity node, Func<PeerProbe, NodeAddress, Task<string?>> ask)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        async Task ServeAsync()
        {
            using var client = await listener.AcceptTcpClientAsync();
            await using var tls = new SslStream(client.GetStream());
            try
            {
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
                {
                    ServerCertificate = node.Certificate,
                    ClientCertificateRequired = true,
                    RemoteCertificateValidationCallback = (_, certificate, _, _) => node.Problem(certificate) is null,
                });
            }
            catch (Exception e) when (e is System.Security.Authentication.AuthenticationException or IOException)
            {
                // The prober is not trusted, or does not trust: that is what is tried.
            }
        }

        var serving = ServeAsync();
        var why = await ask(new PeerProbe(() => prober), new NodeAddress("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port));
        await serving;
        return why;
    }
}
