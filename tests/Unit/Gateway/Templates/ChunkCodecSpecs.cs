using System.Security.Cryptography;
using Google.Protobuf;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Templates;
using VmCacheCluster.Gateway.Templates.Wire;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Templates;

public sealed class ChunkCodecSpecs
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gives_back_what_was_packed_compressed_only_where_that_is_smaller(bool random)
    {
        var content = random ? RandomNumberGenerator.GetBytes(TemplatePiece.Most) : new byte[TemplatePiece.Most];
        var piece = new TemplatePiece([new Extent(5, 10), new Extent(100, TemplatePiece.Most - 10)], content, 2 * TemplatePiece.Most);

        var chunk = TemplateChunk.Parser.ParseFrom(new ChunkCodec().Pack(piece).ToByteArray());
        var back = new ChunkCodec().Unpack(chunk);

        Assert.Equal(!random, chunk.Brotli);
        Assert.Equal(piece.Extents, back.Extents);
        Assert.Equal((piece.Next, chunk.CalculateSize()), (back.Next, back.WireBytes));
        Assert.True(back.Content.Span.SequenceEqual(content));
    }

    [Fact]
    public void Tells_the_end_without_a_content()
    {
        var back = new ChunkCodec().Unpack(new ChunkCodec().Pack(new TemplatePiece([], ReadOnlyMemory<byte>.Empty, 7)));

        Assert.Equal((0, 0, 7L), (back.Extents.Count, back.Content.Length, back.Next));
    }

    [Fact]
    public void Refuses_what_is_no_chunk_and_what_would_grow_too_large()
    {
        var bomb = new byte[1024];
        Assert.True(System.IO.Compression.BrotliEncoder.TryCompress(new byte[TemplatePiece.Most + 1], bomb, out var length, 5, 22));
        TemplateChunk[] chunks =
        [
            new() { Brotli = true, Content = ByteString.CopyFrom(bomb, 0, length) },
            new() { Brotli = true, Content = ByteString.CopyFromUtf8("no brotli") },
            new() { Lengths = { 1 }, Content = ByteString.CopyFromUtf8("x") },
        ];

        Assert.All(chunks, chunk => Assert.Throws<TemplatePeerException>(() => new ChunkCodec().Unpack(chunk)));
    }
}
