using System.Buffers.Binary;

namespace VmCacheCluster.Agent.Yamux;

internal enum YamuxType : byte { Data, WindowUpdate, Ping, GoAway }

[Flags]
internal enum YamuxFlags : ushort { None = 0, Syn = 1, Ack = 2, Fin = 4, Reset = 8 }

/// <summary>A frame's header: 12 bytes, big-endian, version 0.</summary>
/// <param name="Length">Of data: the bytes that follow. Else a number of its own: the window's growth, a ping's value, the reason of a farewell.</param>
internal readonly record struct YamuxHeader(YamuxType Type, YamuxFlags Flags, uint Stream, uint Length)
{
    public const int Size = 12;

    /// <summary>What each side may send on a stream before it is told that there is room again.</summary>
    public const int Window = 256 * 1024;

    public void Write(Span<byte> to)
    {
        to[0] = 0;
        to[1] = (byte)Type;
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)Flags);
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], Stream);
        BinaryPrimitives.WriteUInt32BigEndian(to[8..], Length);
    }

    /// <exception cref="YamuxException">It is no header of version 0.</exception>
    public static YamuxHeader Read(ReadOnlySpan<byte> from) => IsHeader(from)
        ? new YamuxHeader(
            (YamuxType)from[1], (YamuxFlags)BinaryPrimitives.ReadUInt16BigEndian(from[2..]), BinaryPrimitives.ReadUInt32BigEndian(from[4..]),
            BinaryPrimitives.ReadUInt32BigEndian(from[8..]))
        : throw new YamuxException("what came is not yamux");

    public static bool IsHeader(ReadOnlySpan<byte> from) =>
        from[0] == 0 && from[1] <= (byte)YamuxType.GoAway && BinaryPrimitives.ReadUInt16BigEndian(from[2..]) <= (ushort)(YamuxFlags.Syn | YamuxFlags.Ack | YamuxFlags.Fin | YamuxFlags.Reset);
}

/// <summary>A session ended: by its peer, with its connection, or because what came is not yamux.</summary>
public sealed class YamuxException(string message, Exception? inner = null) : IOException(message, inner);
