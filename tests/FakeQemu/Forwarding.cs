using System.Net.Sockets;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>Leads connections to another Unix socket.</summary>
internal static class Forwarding
{
    public static async Task RunAsync(NetworkStream client, string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await using var peer = new NetworkStream(socket, ownsSocket: true);
        await Task.WhenAny(client.CopyToAsync(peer), peer.CopyToAsync(client));
    }

    /// <summary>In the place of kata-proxy: takes its arguments, behind the socket that it leads to.</summary>
    public static async Task<int> ProxyAsync(string[] args)
    {
        var at = Array.IndexOf(args, "-listen-socket");
        if (at < 0 || Array.IndexOf(args, "-mux-socket") < 0 || Array.IndexOf(args, "-sandbox") < 0)
        {
            await Console.Error.WriteLineAsync("kata-proxy: -listen-socket, -mux-socket and -sandbox are needed");
            return 1;
        }

        var path = args[at + 1]["unix://".Length..];
        using var listener = Sockets.Listen(new Chardev("proxy", "socket", path));
        while (true)
        {
            var client = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            _ = Task.Run(async () =>
            {
                await using (client) await RunAsync(client, args[1]);
            });
        }
    }
}
