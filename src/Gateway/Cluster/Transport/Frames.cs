using System.Buffers.Binary;
using Google.Protobuf;

namespace VmCacheCluster.Gateway.Cluster.Transport;

/// <summary>Akka.Remote's framing, as DotNetty's transport of Akka.NET writes it: four bytes of length, little-endian, then so many bytes.</summary>
internal static class Frames
{
    public const int HeaderLength = 4;

    public static void WriteHeader(Span<byte> header, int length) => BinaryPrimitives.WriteInt32LittleEndian(header, length);

    /// <returns>The next frame's payload, which may be empty; null: the stream has ended between two frames.</returns>
    /// <exception cref="InvalidDataException">The length is negative or above <paramref name="largest"/> bytes: the stream cannot be read on.</exception>
    /// <exception cref="EndOfStreamException">The stream has ended within a frame.</exception>
    public static async ValueTask<ByteString?> ReadAsync(Stream stream, byte[] header, int largest, CancellationToken cancel)
    {
        if (await stream.ReadAtLeastAsync(header, HeaderLength, throwOnEndOfStream: false, cancel).ConfigureAwait(false) is var read and < HeaderLength)
            return read == 0 ? null : throw new EndOfStreamException("the connection ended within a frame");
        var length = BinaryPrimitives.ReadInt32LittleEndian(header);
        if (length < 0 || length > largest) throw new InvalidDataException($"a frame of {length} bytes; the most is {largest}");
        var payload = new byte[length];
        await stream.ReadExactlyAsync(payload, cancel).ConfigureAwait(false);
        return UnsafeByteOperations.UnsafeWrap(payload);
    }
}
