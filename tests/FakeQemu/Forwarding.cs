using System.Net.Sockets;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>Leads connections to another Unix socket.</summary>
internal static class Forwarding
{
    public static Task RunAsync(NetworkStream client, string path) => RunAsync(client, path, _ => Task.CompletedTask);

    /// <param name="reads">Completes while the guest runs: one that is paused reads nothing, and what is sent stays in the socket.</param>
    public static async Task RunAsync(NetworkStream client, string path, Func<CancellationToken, Task> reads)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await using var peer = new NetworkStream(socket, ownsSocket: true);
        using var over = new CancellationTokenSource();
        var ways = new[] { CopyAsync(client, peer, reads, over.Token), CopyAsync(peer, client, reads, over.Token) };
        await Task.WhenAny(ways);
        await over.CancelAsync();
    }

    private static async Task CopyAsync(NetworkStream from, NetworkStream to, Func<CancellationToken, Task> reads, CancellationToken cancel)
    {
        var buffer = new byte[4096];
        while (true)
        {
            // Returns when there is something, or the end.
            await from.Socket.ReceiveAsync(Memory<byte>.Empty, cancel);
            // An end is noticed also while the guest reads nothing.
            if (from.Socket.Available > 0) await reads(cancel);
            var read = await from.ReadAsync(buffer, cancel);
            if (read == 0) return;
            await to.WriteAsync(buffer.AsMemory(0, read), cancel);
        }
    }
}
