using System.Net.Sockets;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>Where programs of the host write to its log.</summary>
internal static class SyslogSocket
{
    public const string Usual = "/dev/log";

    /// <summary>Those that Go's syslog package tries, in which kata-proxy is written.</summary>
    private static readonly string[] All = [Usual, "/var/run/syslog", "/var/run/log"];

    public static bool Listens() => Listens(All);

    /// <summary>Nothing is sent.</summary>
    internal static bool Listens(params ReadOnlySpan<string> paths)
    {
        foreach (var path in paths)
            if (Path.Exists(path) && (Takes(path, SocketType.Dgram) || Takes(path, SocketType.Stream))) return true;
        return false;
    }

    private static bool Takes(string path, SocketType type)
    {
        using var socket = new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException fault)
        {
            // Its queue is full: somebody listens.
            return fault.SocketErrorCode == SocketError.WouldBlock;
        }
    }
}
