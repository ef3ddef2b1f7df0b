using System.Buffers.Binary;

namespace VmCacheCluster.Tests.TestSupport.Http2;

/// <summary>A frame of HTTP/2 (RFC 9113, section 4.1).</summary>
public sealed record Http2Frame(byte Type, byte Flags, int Stream, byte[] Payload)
{
    public const byte Data = 0, Headers = 1, ResetStream = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8;
    public const byte Ack = 1, EndStream = 1;

    public bool Has(byte flag) => (Flags & flag) != 0;

    /// <exception cref="EndOfStreamException">The peer has closed the connection.</exception>
    public static async Task<Http2Frame> ReadAsync(Stream stream, CancellationToken cancel)
    {
        var head = new byte[9];
        await stream.ReadExactlyAsync(head, cancel);
        var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
        await stream.ReadExactlyAsync(payload, cancel);
        return new Http2Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, payload);
    }
}
