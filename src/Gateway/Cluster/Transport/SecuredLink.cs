using System.Net.Sockets;

namespace VmCacheCluster.Gateway.Cluster.Transport;

/// <summary>A connection to another node that both sides have agreed on.</summary>
/// <param name="stream">Encrypted, where there is TLS.</param>
/// <param name="outdated">Cancelled when this node has other certificates since.</param>
internal sealed class SecuredLink(Socket socket, Stream stream, CancellationToken outdated) : IAsyncDisposable
{
    public Stream Stream => stream;

    public CancellationToken Outdated => outdated;

    /// <summary>Tells the other side that nothing more comes. Closing at once could lose what it has not read yet.</summary>
    /// <exception cref="SocketException"/>
    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public async ValueTask DisposeAsync()
    {
        await stream.DisposeAsync().ConfigureAwait(false);
        socket.Dispose();
    }
}

/// <summary>Trust between nodes on Akka's port.</summary>
internal interface ILinkSecurity
{
    bool IsSecure { get; }

    /// <summary>Takes a place for a connection that another node has opened; disposing it gives the place back. Null: there is none left.</summary>
    IDisposable? Admit();

    /// <summary>The handshake with a node that has connected. Closes <paramref name="socket"/> when it fails.</summary>
    /// <exception cref="LinkRefusedException">One side does not trust the other, or the other did not do its part in time.</exception>
    Task<SecuredLink> AcceptAsync(Socket socket, CancellationToken cancel);

    /// <summary>The handshake with a node that we have connected to. Closes <paramref name="socket"/> when it fails.</summary>
    /// <param name="host">The name or address that was connected to.</param>
    /// <exception cref="LinkRefusedException">As above.</exception>
    Task<SecuredLink> ConnectAsync(Socket socket, string host, CancellationToken cancel);
}

/// <summary>Why no connection between two nodes came about, for a person.</summary>
internal sealed class LinkRefusedException(string message, Exception? cause = null) : IOException(message, cause);
