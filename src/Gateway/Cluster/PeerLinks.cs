using System.Net.Security;
using System.Net.Sockets;
using VmCacheCluster.Gateway.Cluster.Transport;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The trust of Akka's port: the same certificates as at the peer port, read anew when they are replaced.</summary>
/// <param name="gate">Of the connections that others open.</param>
/// <param name="handshakes">Null: as usual.</param>
internal sealed class PeerLinks(PeerTrust trust, ConnectionGate gate, Handshakes? handshakes = null) : ILinkSecurity
{
    private readonly Handshakes _handshakes = handshakes ?? new Handshakes();

    public bool IsSecure => trust.IsOn;

    public IDisposable? Admit() => gate.TryEnter() ? new HeldPlace(gate.Leave) : null;

    public async Task<SecuredLink> AcceptAsync(Socket socket, CancellationToken cancel)
    {
        if (!trust.IsOn) return Plain(socket);
        var peer = socket.RemoteEndPoint;
        using var place = _handshakes.TryBegin(peer);
        if (place is null) throw Refused(socket, new LinkRefusedException($"too many handshakes with {peer} are under way"));
        var identity = trust.Current ?? throw Refused(socket, new LinkRefusedException("the certificates of this node cannot be used"));
        return await ShakeAsync(socket, identity, (tls, limit) => tls.AuthenticateAsServerAsync(identity.ServerOptions(problem => trust.Tell($"{peer}", problem)), limit), cancel).ConfigureAwait(false);
    }

    public async Task<SecuredLink> ConnectAsync(Socket socket, string host, CancellationToken cancel)
    {
        if (!trust.IsOn) return Plain(socket);
        var peer = socket.RemoteEndPoint;
        var identity = trust.Current ?? throw Refused(socket, new LinkRefusedException("the certificates of this node cannot be used"));
        return await ShakeAsync(socket, identity, (tls, limit) => tls.AuthenticateAsClientAsync(identity.ClientOptions(host, problem => trust.Tell($"{peer}", problem)), limit), cancel).ConfigureAwait(false);
    }

    private static SecuredLink Plain(Socket socket) => new(socket, new NetworkStream(socket), CancellationToken.None);

    private async Task<SecuredLink> ShakeAsync(Socket socket, TlsIdentity identity, Func<SslStream, CancellationToken, Task> shake, CancellationToken cancel)
    {
        var tls = new SslStream(new NetworkStream(socket));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_handshakes.Limit);
        try
        {
            await shake(tls, limit.Token).ConfigureAwait(false);
            return new SecuredLink(socket, tls, identity.Replaced);
        }
        catch (Exception fault)
        {
            // A stranger's bytes may have .NET throw what it likes.
            await tls.DisposeAsync().ConfigureAwait(false);
            throw Refused(socket, new LinkRefusedException(
                cancel.IsCancellationRequested ? "it was given up before TLS came about" : fault is OperationCanceledException ? $"no TLS within {_handshakes.Limit.TotalSeconds:0} s" : fault.Message, fault));
        }
    }

    private static LinkRefusedException Refused(Socket socket, LinkRefusedException why)
    {
        socket.Dispose();
        return why;
    }
}
