using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using VmCacheCluster.Gateway.Callers;

namespace VmCacheCluster.Gateway.Audit;

/// <summary>Who calls, for the audit log.</summary>
internal static class CallerText
{
    /// <summary>SOL_SOCKET and SO_PEERCRED of Linux; its answer is struct ucred: pid, user, group.</summary>
    private const int SocketLevel = 1, PeerCredentials = 17;

    /// <summary>Of this host the process and its user at the time it connected, else the certificate's names; with the address.</summary>
    public static string Of(HttpContext context)
    {
        var caller = Caller.Of(context);
        if (caller.By == Entrance.Local) return Local(context.Features.Get<IConnectionSocketFeature>()?.Socket);
        var from = $"{context.Connection.RemoteIpAddress}:{context.Connection.RemotePort.ToString(CultureInfo.InvariantCulture)}";
        return caller.By == Entrance.Peers ? $"another node, {from}"
            : caller.Names.Count > 0 ? $"{string.Join(", ", caller.Names)}, {from}" : $"nobody known, {from}";
    }

    private static string Local(Socket? socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        try
        {
            if (socket is null || socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) != credentials.Length) return "this host";
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            return "this host";
        }

        var (pid, user) = (BinaryPrimitives.ReadInt32LittleEndian(credentials), BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]));
        return string.Create(CultureInfo.InvariantCulture, $"user {user} of this host, process {pid}");
    }
}
