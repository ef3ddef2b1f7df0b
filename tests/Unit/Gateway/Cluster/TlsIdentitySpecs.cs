using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
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
    public async Task Trusts_what_its_authority_has_signed()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));

        Assert.Equal((null, null), await ShakeAsync(own, TlsIdentity.Load(_authority.Sign("b"))));
        Assert.Equal(["a"], TlsIdentity.NamesOf(own.Certificate));
    }

    [Fact]
    public async Task Says_what_is_wrong_with_a_certificate()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");

        Assert.StartsWith("it (CN=old) expired at ", await RefusalAsync(own, _authority.Sign("old", TimeSpan.FromDays(-9), TimeSpan.FromDays(-2))), StringComparison.Ordinal);
        Assert.Matches(@"^it \(CN=new\) is valid from .*: is the clock right\?$", await RefusalAsync(own, _authority.Sign("new", TimeSpan.FromDays(2), TimeSpan.FromDays(9))));
        Assert.Equal("it (CN=x, signed by CN=another authority) is not signed by CN=test authority", await RefusalAsync(own, strangers.Sign("x")));
        Assert.Equal("it (CN=web) is not made for this use: its extended key usage has to name clientAuth", await RefusalAsync(own, _authority.Sign("web", use: "1.3.6.1.5.5.7.3.1")));
        Assert.Equal("it shows no certificate", await RefusalAsync(own, null));
    }

    [Fact]
    public async Task Says_so_of_a_certificate_whose_names_cannot_be_read()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");

        Assert.Matches(
            "^it \\(SHA-256 [0-9A-F]{64}, signed by CN=another authority\\) is not signed by CN=test authority$",
            await RefusalAsync(own, strangers.Sign("odd", subject: PrivateAuthority.Unreadable())));
        using var odd = X509CertificateLoader.LoadCertificateFromFile(_authority.Sign("odd", subject: PrivateAuthority.Unreadable()).Certificate);
        Assert.Empty(TlsIdentity.NamesOf(odd));
    }

    /// <summary>A certificate that names an organization alone, as SPIFFE's do, gives no name that rights could go by.</summary>
    [Fact]
    public void Takes_common_names_and_dns_names_alone_for_names_and_all_of_both_for_the_identity()
    {
        X509Certificate2 Of(string name, string subject) => X509CertificateLoader.LoadCertificateFromFile(_authority.Sign(name, subject: new X500DistinguishedName(subject)).Certificate);
        using var one = Of("one", "O=SPIRE, C=US");
        using var two = Of("two", "O=SPIRE, C=US");
        using var again = Of("one", "O=SPIRE, C=US");
        using var both = Of("dns", "CN=common, OU=unit");

        Assert.Equal(["one"], TlsIdentity.NamesOf(one));
        Assert.Equal(["common", "dns"], TlsIdentity.NamesOf(both));
        using var together = X509CertificateLoader.LoadCertificateFromFile(_authority.Sign("three", subject: PrivateAuthority.Together()).Certificate);
        Assert.Equal(["cn", "three"], TlsIdentity.NamesOf(together));
        Assert.NotEqual(TlsIdentity.IdentityOf(one), TlsIdentity.IdentityOf(two));
        Assert.Equal(TlsIdentity.IdentityOf(one), TlsIdentity.IdentityOf(again));
    }

    [Fact]
    public async Task Takes_certificates_whose_issuers_are_shown_with_them()
    {
        var own = TlsIdentity.Load(_authority.Sign("a"));
        using var between = _authority.Subordinate("between");

        Assert.Equal((null, null), await ShakeAsync(own, TlsIdentity.Load(between.Sign("b", chain: true) with { Authority = _authority.Certificate })));
        Assert.Equal("it (CN=c, signed by CN=between) is not signed by CN=test authority", await RefusalAsync(own, between.Sign("c")));
    }

    /// <summary>A stranger's certificate names where its issuer's is to be had: whoever fetches that lets strangers choose what it connects to.</summary>
    [Fact]
    public async Task Fetches_nothing_that_a_certificate_points_to()
    {
        using var web = new TcpListener(IPAddress.Loopback, 0);
        web.Start();
        using var strangers = new PrivateAuthority(_directory.FullName, "another authority");
        using var between = strangers.Subordinate("another between");
        var own = TlsIdentity.Load(_authority.Sign("a"));
        var files = between.Sign("x", issuerAt: $"http://127.0.0.1:{((IPEndPoint)web.LocalEndpoint).Port}/issuer.crt");

        const string why = "it (CN=x, signed by CN=another between) is not signed by CN=test authority";
        Assert.Equal(why, await RefusalAsync(own, files));
        Assert.Equal(why, await RefusalOfServerAsync(own, files));
        Assert.False(web.Pending());
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

    /// <summary>A handshake of a client with certificates in use on both sides.</summary>
    /// <returns>Why the server does not trust the client, and the client not the server; null: it does.</returns>
    private static async Task<(string? Server, string? Client)> ShakeAsync(TlsIdentity server, TlsIdentity client)
    {
        string? byServer = null, byClient = null;
        await ShakeAsync(server.ServerOptions(problem => byServer = problem), client.ClientOptions("a", problem => byClient = problem));
        return (byServer, byClient);
    }

    /// <summary>With a client that shows what it likes, and minds nothing.</summary>
    private static async Task<string?> RefusalAsync(TlsIdentity server, TlsFiles? shown)
    {
        string? refused = null;
        await ShakeAsync(server.ServerOptions(problem => refused = problem), new SslClientAuthenticationOptions
        {
            TargetHost = "a", ClientCertificateContext = shown is null ? null : Context(shown), RemoteCertificateValidationCallback = (_, _, _, _) => true,
        });
        return refused;
    }

    /// <summary>With a server that shows what it likes, and minds nothing.</summary>
    private static async Task<string?> RefusalOfServerAsync(TlsIdentity client, TlsFiles shown)
    {
        string? refused = null;
        await ShakeAsync(
            new SslServerAuthenticationOptions { ServerCertificateContext = Context(shown), RemoteCertificateValidationCallback = (_, _, _, _) => true },
            client.ClientOptions("a", problem => refused = problem));
        return refused;
    }

    private static SslStreamCertificateContext Context(TlsFiles files)
        => SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(files.Certificate, files.Key), null, offline: true);

    private static async Task ShakeAsync(SslServerAuthenticationOptions server, SslClientAuthenticationOptions client)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var outgoing = new TcpClient();
        await outgoing.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var incoming = await listener.AcceptTcpClientAsync();
        async Task AcceptAsync()
        {
            await using var tls = new SslStream(incoming.GetStream());
            await tls.AuthenticateAsServerAsync(server);
            await tls.WriteAsync(new byte[1]);
        }

        async Task ConnectAsync()
        {
            await using var tls = new SslStream(outgoing.GetStream());
            await tls.AuthenticateAsClientAsync(client);
            await tls.ReadExactlyAsync(new byte[1]);
        }

        static async Task QuietAsync(Task one)
        {
            try
            {
                await one;
            }
            catch (Exception e) when (e is AuthenticationException or IOException)
            {
                // One side does not trust the other: that is what is tried.
            }
        }

        await Task.WhenAll(QuietAsync(AcceptAsync()), QuietAsync(ConnectAsync())).WaitAsync(Eventually.Patience);
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
                await tls.AuthenticateAsServerAsync(node.ServerOptions(_ => { }));
            }
            catch (Exception e) when (e is AuthenticationException or IOException)
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
