using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using VmCacheCluster.Gateway.Cluster.Transport;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>The trust of Akka's port: the same certificates as at the peer port, read anew when they are replaced.</summary>
/// <param name="gate">Of the connections that others open.</param>
internal sealed class PeerLinks(PeerTrust trust, ConnectionGate gate) : ILinkSecurity
{
    private readonly Handshakes _handshakes = new();

    public bool IsSecure => trust.IsOn;

    public IDisposable? Admit() => gate.TryEnter() ? new Place(gate) : null;

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

    private static async Task<SecuredLink> ShakeAsync(Socket socket, TlsIdentity identity, Func<SslStream, CancellationToken, Task> shake, CancellationToken cancel)
    {
        var tls = new SslStream(new NetworkStream(socket));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Handshakes.Limit);
        try
        {
            await shake(tls, limit.Token).ConfigureAwait(false);
            return new SecuredLink(socket, tls, identity.Replaced);
        }
        catch (Exception fault) when (fault is AuthenticationException or IOException or OperationCanceledException)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw Refused(socket, new LinkRefusedException(fault is OperationCanceledException ? $"no TLS within {Handshakes.Limit.TotalSeconds:0} s" : fault.Message, fault));
        }
    }

    private static LinkRefusedException Refused(Socket socket, LinkRefusedException why)
    {
        socket.Dispose();
        return why;
    }

    private sealed class Place(ConnectionGate gate) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0) gate.Leave();
        }
    }
}
