using System.Net.Sockets;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>Listening sockets as QEMU makes them: one client at a time, the next waits unanswered.</summary>
internal static class Sockets
{
    /// <exception cref="UsageException">The socket cannot be made.</exception>
    public static Socket Listen(Chardev chardev)
    {
        if (chardev.Descriptor is { } descriptor)
        {
            var given = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
            given.Listen();
            return given;
        }

        var path = chardev.Path ?? throw new UsageException($"-chardev {chardev.Kind},id={chardev.Id}: no path");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(path);
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen();
            return socket;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"-chardev {chardev.Kind},id={chardev.Id},path={path}: Failed to bind socket to {path}: {e.Message}");
        }
    }

    public static async Task ServeAsync(Socket listener, Func<NetworkStream, Task> serve)
    {
        while (true)
        {
            await using var client = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            try
            {
                await serve(client);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
            {
                // The client left.
            }
        }
    }

    /// <summary>Takes what is sent and says nothing.</summary>
    public static async Task SwallowAsync(NetworkStream client)
    {
        var scratch = new byte[512];
        while (await client.ReadAsync(scratch) > 0)
        {
        }
    }
}
