using System.Globalization;
using System.Net.Sockets;

namespace VmCacheCluster.Agent;

/// <summary>Where an agent listens: the path of a Unix socket, which the hypervisor leads to a port of the guest's, or vsock://CID:PORT.</summary>
public static class AgentAddress
{
    private const string Vsock = "vsock://";

    /// <exception cref="TtrpcConnectionException">Nobody listens there.</exception>
    public static async Task<Stream> ConnectAsync(string address, CancellationToken cancel)
    {
        try
        {
            return address.StartsWith(Vsock, StringComparison.Ordinal)
                ? await ConnectVsockAsync(address, cancel).ConfigureAwait(false)
                : await ConnectUnixAsync(address, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IOException)
        {
            throw new TtrpcConnectionException($"cannot connect to {address}: {e.Message}", e);
        }
    }

    private static async Task<Stream> ConnectUnixAsync(string path, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<Stream> ConnectVsockAsync(string address, CancellationToken cancel)
    {
        var parts = address[Vsock.Length..].Split(':');
        return parts.Length == 2
            && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var cid)
            && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                ? await VsockStream.ConnectAsync(cid, port, cancel).ConfigureAwait(false)
                : throw new ArgumentException("it is not vsock://CID:PORT");
    }
}
