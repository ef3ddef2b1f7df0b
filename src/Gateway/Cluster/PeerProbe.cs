using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Finds out why a node does not answer.</summary>
/// <param name="identity">Null: there is no TLS here.</param>
public sealed class PeerProbe(Func<TlsIdentity?> identity)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>A node that does not trust our certificate says so after the handshake has ended for us.</summary>
    private static readonly TimeSpan Afterthought = TimeSpan.FromMilliseconds(500);

    public async Task<Silence> WhyAsync(NodeAddress at, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(at.Host, at.Port, limit.Token).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            return new Silence($"it is not reached ({e.Message})");
        }
        catch (OperationCanceledException)
        {
            return new Silence($"it is not reached within {Patience.TotalSeconds:0} s: is the port open in the firewalls between?");
        }

        if (identity() is not { } own) return new Silence($"it listens and does not answer: is TLS on there and off here, or is it known by another address (its vmcache.cluster.advertise)?", Listens: true);
        return await HandshakeAsync(socket.GetStream(), own, at, limit.Token).ConfigureAwait(false);
    }

    /// <summary>Why no TLS comes about with a node on our part. Null: it does, or it is not reached.</summary>
    public async Task<string?> DistrustAsync(NodeAddress at, CancellationToken cancel)
    {
        if (identity() is not { } own) return null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(at.Host, at.Port, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }

        await using var tls = new SslStream(socket.GetStream());
        return await ShakeAsync(tls, own, at, limit.Token).ConfigureAwait(false);
    }

    private static async Task<Silence> HandshakeAsync(NetworkStream stream, TlsIdentity own, NodeAddress at, CancellationToken limit)
    {
        await using var tls = new SslStream(stream);
        if (await ShakeAsync(tls, own, at, limit).ConfigureAwait(false) is { } fault) return new Silence(fault);
        using var after = CancellationTokenSource.CreateLinkedTokenSource(limit);
        after.CancelAfter(Afterthought);
        try
        {
            return await tls.ReadAsync(new byte[1], after.Token).ConfigureAwait(false) == 0 ? new Silence(Refused(own)) : Other();
        }
        catch (OperationCanceledException)
        {
            return Other();
        }
        catch (IOException)
        {
            return new Silence(Refused(own));
        }
    }

    /// <returns>Null: the handshake is done, as far as this side goes.</returns>
    private static async Task<string?> ShakeAsync(SslStream tls, TlsIdentity own, NodeAddress at, CancellationToken limit)
    {
        string? untrusted = null;
        try
        {
            await tls.AuthenticateAsClientAsync(own.ClientOptions(at.Host, problem => untrusted = problem), limit).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException)
        {
            return "it listens and says nothing: is TLS off there?";
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException)
        {
            return untrusted is not null ? $"its certificate is not trusted here: {untrusted}"
                : $"no TLS connection comes about ({e.InnerException?.Message ?? e.Message}): is TLS off there, or {Refused(own)}";
        }
    }

    private static string Refused(TlsIdentity own) => $"it does not trust this node's certificate ({own.Subject}, signed by {own.Certificate.Issuer})";

    private static Silence Other() => new("it listens and does not answer: is it known by another address (its vmcache.cluster.advertise)?", Listens: true);
}
