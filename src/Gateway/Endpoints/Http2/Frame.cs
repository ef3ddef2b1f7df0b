using System.Buffers.Binary;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>The form of HTTP/2's frames (RFC 9113, sections 3.4 and 4.1).</summary>
internal static class Frame
{
    public const int HeaderLength = 9;

    public const byte Headers = 1, Settings = 4, GoAway = 7, Continuation = 9;

    /// <summary>A client's first words.</summary>
    public static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    /// <param name="header">Of a frame.</param>
    public static byte Type(ReadOnlySpan<byte> header) => header[3];

    /// <param name="header">Of a frame.</param>
    /// <returns>Bytes after the header.</returns>
    public static int PayloadLength(ReadOnlySpan<byte> header) => (header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header[1..]);
}
