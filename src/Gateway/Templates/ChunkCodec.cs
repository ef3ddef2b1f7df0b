using System.IO.Compression;
using Google.Protobuf;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Templates.Wire;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>Pieces of a template as chunks on the wire: compressed where that makes them smaller. One for each transfer.</summary>
public sealed class ChunkCodec
{
    /// <summary>Of Brotli's, what compresses a guest's memory well without slowing a fast network down.</summary>
    private const int Quality = 1, Window = 18;

    private byte[] _buffer = [];

    /// <returns>Valid until the next one is packed.</returns>
    public TemplateChunk Pack(TemplatePiece piece)
    {
        Reserve(TemplatePiece.Most);
        var chunk = new TemplateChunk { Next = piece.Next };
        foreach (var extent in piece.Extents)
        {
            chunk.Offsets.Add(extent.Offset);
            chunk.Lengths.Add(extent.Length);
        }

        // A buffer no larger than the content: what does not get smaller does not fit.
        chunk.Brotli = BrotliEncoder.TryCompress(piece.Content.Span, _buffer.AsSpan(0, piece.Content.Length), out var written, Quality, Window);
        chunk.Content = UnsafeByteOperations.UnsafeWrap(chunk.Brotli ? _buffer.AsMemory(0, written) : piece.Content);
        return chunk;
    }

    /// <returns>Valid until the next one is unpacked.</returns>
    /// <exception cref="TemplatePeerException">It is none.</exception>
    public TemplatePiece Unpack(TemplateChunk chunk)
    {
        Reserve(TemplatePiece.Most);
        if (chunk.Offsets.Count != chunk.Lengths.Count) throw new TemplatePeerException($"a chunk has {chunk.Offsets.Count} offsets and {chunk.Lengths.Count} lengths");
        var content = chunk.Content.Memory;
        if (chunk.Brotli)
        {
            if (!BrotliDecoder.TryDecompress(content.Span, _buffer, out var written)) throw new TemplatePeerException("a chunk cannot be decompressed");
            content = _buffer.AsMemory(0, written);
        }

        return new TemplatePiece([.. chunk.Offsets.Zip(chunk.Lengths, (offset, length) => new Extent(offset, length))], content, chunk.Next) { WireBytes = chunk.CalculateSize() };
    }

    private void Reserve(int bytes)
    {
        if (_buffer.Length < bytes) _buffer = new byte[bytes];
    }
}
