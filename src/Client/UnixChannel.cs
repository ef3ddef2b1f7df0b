using System.Net.Sockets;
using System.Text;
using Grpc.Net.Client;

namespace VmCacheCluster.Client;

/// <summary>gRPC over the Unix socket of a node.</summary>
internal static class UnixChannel
{
    /// <summary>sockaddr_un.sun_path holds 108 bytes, the last of them a zero.</summary>
    internal const int LongestPath = 107;

    /// <summary>A channel that connects at its first call.</summary>
    /// <exception cref="ArgumentException">The path is empty, or longer than a Unix socket's can be.</exception>
    internal static GrpcChannel Open(string path)
    {
        var endPoint = new UnixDomainSocketEndPoint(Checked(path));
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            UseProxy = false,
            ConnectCallback = (_, cancel) => ConnectAsync(endPoint, cancel),
        };
        // The name is never resolved: the callback above decides where to connect. Kata's client sends the same one.
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
    }

    private static string Checked(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
        {
            throw new ArgumentException("the endpoint is empty: it is the path of vmcached's Unix socket");
        }

        var bytes = Encoding.UTF8.GetByteCount(path);
        return bytes <= LongestPath && !path.Contains('\0')
            ? path
            : throw new ArgumentException(
                $"the endpoint's path has {bytes} bytes, a Unix socket's at most {LongestPath}: '{path}'");
    }

    private static async ValueTask<Stream> ConnectAsync(UnixDomainSocketEndPoint endPoint, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(endPoint, cancel).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
