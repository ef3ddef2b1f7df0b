using System.Net.Sockets;
using System.Text;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>What no client of a VM's socket should send.</summary>
internal static class Garbage
{
    /// <summary>Several connections in turn, each with another kind of it.</summary>
    public static async Task SendAsync(string socket)
    {
        var random = new byte[2000];
        new Random(3).NextBytes(random);
        foreach (var garbage in new[] { random, Encoding.ASCII.GetBytes("}{\"execute\":\n[[[\n"), [0, 0, 0, 255, 255, 255, 255, 255, 1, 0], [0xff] })
        {
            using var client = await ConnectAsync(socket);
            try
            {
                await client.SendAsync(garbage);
            }
            catch (SocketException)
            {
                // It has hung up on garbage already.
            }
        }
    }

    /// <summary>QEMU serves one client at a time and lets one more wait: the next is turned away (EAGAIN) until it has caught up.</summary>
    private static async Task<Socket> ConnectAsync(string path)
    {
        Socket? client = null;
        await Eventually.Async(
            async () =>
            {
                try
                {
                    client = await KataSocket.ConnectAsync(path);
                    return true;
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
                {
                    return false;
                }
            },
            $"{path} takes another client");
        return client!;
    }
}
