using CsCheck;
using VmCacheCluster.Gateway.Endpoints.Http2;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

public sealed class HuffmanSpecs
{
    [Fact]
    public void Reads_every_byte_as_the_server_writes_it()
    {
        for (var symbol = 0; symbol <= byte.MaxValue; symbol++)
            Assert.Equal([(byte)symbol], Decode(HpackWriter.Huffman([(byte)symbol]))!);
    }

    [Fact]
    public void Reads_what_was_written() =>
        Gen.Byte.Array[0, 200].Sample(text => Assert.Equal(text, Decode(HpackWriter.Huffman(text))!));

    /// <summary>RFC 7541, C.4.1.</summary>
    [Fact]
    public void Reads_the_example_of_the_standard() =>
        Assert.Equal("www.example.com"u8.ToArray(), Decode(Convert.FromHexString("f1e3c2e5f23a6ba0ab90f4ff"))!);

    [Theory]
    [InlineData("ffffffff")] // The end of a string, within one.
    [InlineData("ff")] // A whole byte of filling.
    [InlineData("18")] // Filled with zeros.
    public void Refuses_what_no_text_has(string coded) => Assert.Null(Decode(Convert.FromHexString(coded)));

    private static byte[]? Decode(byte[] coded)
    {
        var text = new byte[Huffman.MostDecoded(coded.Length)];
        var length = Huffman.Decode(coded, text);
        return length < 0 ? null : text[..length];
    }
}
