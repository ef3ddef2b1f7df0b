using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>
/// In the place of kata-proxy: takes its arguments, pings the guest through the socket that it multiplexes on, and ends at a connection
/// when that has taken no more for a second. What its clients send goes to another socket.
/// </summary>
internal static class KataProxy
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The real one has 208 KiB.</summary>
    private const int SendBuffer = 1;

    /// <param name="args">Behind the socket to which clients are led, and the milliseconds between pings: 2,000 of the real one's.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var (listen, mux, sandbox) = (After(args, "-listen-socket"), After(args, "-mux-socket"), After(args, "-sandbox"));
        if (listen is null || mux is null || sandbox is null)
        {
            await Console.Error.WriteLineAsync("kata-proxy: -listen-socket, -mux-socket and -sandbox are needed");
            return 1;
        }

        using var guest = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendBufferSize = SendBuffer };
        await guest.ConnectAsync(new UnixDomainSocketEndPoint(mux));
        using var listener = Sockets.Listen(new Chardev("proxy", "socket", listen["unix://".Length..]));
        _ = Sockets.SwallowAsync(new NetworkStream(guest));
        var full = false;
        _ = Task.Run(() => PingAsync(guest, TimeSpan.FromMilliseconds(int.Parse(args[2], CultureInfo.InvariantCulture)), isFull => Volatile.Write(ref full, isFull)));
        while (true)
        {
            var client = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            if (Volatile.Read(ref full))
            {
                await Console.Error.WriteLineAsync("kata-proxy: channel error: connection write timeout");
                return 1;
            }

            _ = Task.Run(async () =>
            {
                await using (client) await Forwarding.RunAsync(client, args[1]);
            });
        }
    }

    private static async Task PingAsync(Socket guest, TimeSpan pace, Action<bool> told)
    {
        var ping = new byte[12];
        (ping[1], ping[3]) = (2, 1);
        var since = Stopwatch.StartNew();
        var said = false;
        for (uint number = 0; ; number++)
        {
            await Task.Delay(pace);
            if (guest.Poll(0, SelectMode.SelectWrite))
            {
                BinaryPrimitives.WriteUInt32BigEndian(ping.AsSpan(8), number);
                guest.Send(ping);
                since.Restart();
            }

            var full = since.Elapsed > Patience;
            if (full && !said) await Console.Error.WriteLineAsync("kata-proxy: the channel takes no more");
            said |= full;
            told(full);
        }
    }

    private static string? After(string[] args, string option) =>
        Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
