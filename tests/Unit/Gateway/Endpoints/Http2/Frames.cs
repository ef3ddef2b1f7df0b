using System.Buffers.Binary;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

/// <summary>Frames of HTTP/2, made and taken apart.</summary>
internal static class Frames
{
    public const byte Data = 0, Headers = 1, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 0x1, EndHeaders = 0x4, Padded = 0x8, Priority = 0x20;

    public static byte[] Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    public static byte[] Make(byte type, int flags, int stream, params byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8 | type);
        frame[4] = (byte)flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>A header block in frames of so many bytes, the first one with padding and priority when it is told so.</summary>
    public static byte[] Block(int stream, byte[] block, int flags = EndStream, int part = 16_384, int? padding = null, bool priority = false)
    {
        var parts = block.Chunk(part).DefaultIfEmpty([]).ToList();
        var sent = new List<byte>();
        for (var i = 0; i < parts.Count; i++)
        {
            var end = i == parts.Count - 1 ? EndHeaders : 0;
            if (i > 0)
            {
                sent.AddRange(Make(Continuation, end, stream, parts[i]));
                continue;
            }

            byte[] before = [.. padding is { } pad ? [(byte)pad] : Array.Empty<byte>(), .. priority ? [0, 0, 0, 0, 16] : Array.Empty<byte>()];
            sent.AddRange(Make(Headers, flags | end | (padding is null ? 0 : Padded) | (priority ? Priority : 0), stream, [.. before, .. parts[i], .. new byte[padding ?? 0]]));
        }

        return [.. sent];
    }

    /// <param name="bytes">After the preface.</param>
    public static List<(byte Type, byte Flags, int Stream, byte[] Payload)> Split(ReadOnlySpan<byte> bytes)
    {
        var frames = new List<(byte, byte, int, byte[])>();
        while (!bytes.IsEmpty)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes) >>> 8;
            frames.Add((bytes[3], bytes[4], BinaryPrimitives.ReadInt32BigEndian(bytes[5..]), bytes.Slice(9, length).ToArray()));
            bytes = bytes[(9 + length)..];
        }

        return frames;
    }
}
