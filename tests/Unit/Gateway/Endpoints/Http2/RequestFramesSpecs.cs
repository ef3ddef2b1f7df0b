using System.Buffers;
using System.Text;
using CsCheck;
using VmCacheCluster.Gateway.Endpoints.Http2;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Endpoints.Http2;

/// <summary>What a client sends, byte for byte; what a server makes of it is in <see cref="OldClientSpecs"/>.</summary>
public sealed class RequestFramesSpecs
{
    private const string Socket = "/run/vc/cache.sock";

    [Theory]
    [InlineData("localhost")]
    [InlineData("node-1.example.com:8080")]
    [InlineData("127.0.0.1")]
    [InlineData("")]
    public void Lets_a_client_with_a_host_s_name_pass_untouched(string authority)
    {
        byte[] sent = [.. Frames.Preface, .. Frames.Make(Frames.Settings, 0, 0), .. Call(new HpackWriter(), 1, authority), .. Call(new HpackWriter(), 3, authority)];

        Assert.Equal(sent, Copy(sent));
    }

    [Theory]
    [InlineData(Socket)]
    [InlineData("unix:///run/vc/cache.sock")]
    [InlineData("unix:/run/x.sock")]
    [InlineData("passthrough:///unix:///x")]
    [InlineData("@abstract")]
    [InlineData("a b")]
    [InlineData("[::1]:80")]
    [InlineData("host:")]
    [InlineData(":80")]
    [InlineData("\0\x1b\xff")]
    public void Puts_a_host_s_name_of_the_same_length_in_the_place_of_another(string authority)
    {
        foreach (var huffman in (bool[])[false, true])
        {
            byte[] sent = [.. Frames.Preface, .. Call(new HpackWriter(), 1, authority, huffman)];
            byte[] valid = [.. Frames.Preface, .. Frames.Block(1, [.. Fields(new HpackWriter()).Take(), .. Plain(authority.Length)], flags: 0)];

            Assert.Equal(valid, Copy(sent));
        }

        static byte[] Plain(int length) => [0x41, (byte)length, .. Enumerable.Repeat((byte)'x', length)];
    }

    [Fact]
    public void Knows_the_name_also_when_it_is_spelled_or_an_entry_of_the_client_s()
    {
        foreach (var sent in (Sent[])[Sent.Kept, Sent.NotKept, Sent.NeverKept])
        {
            var writer = new HpackWriter();
            var first = writer.Field(":authority", Socket, sent, huffman: true, literalName: true).Take();
            var second = writer.Field(":authority", "/other", sent, huffman: false).Take();

            var copied = Copy([.. Frames.Preface, .. Frames.Block(1, first), .. Frames.Block(3, second)]);

            Assert.Equal(2, Frames.Split(copied.AsSpan(24)).Count(f => f.Payload.AsSpan().IndexOf("xxxxxx"u8) >= 0));
            Assert.True(copied.AsSpan().IndexOf("/other"u8) < 0);
        }
    }

    [Fact]
    public void Looks_at_no_other_field()
    {
        var block = new HpackWriter().Field(":path", Socket, huffman: false).Field("host", Socket, huffman: false).Field("authority", Socket, huffman: false).Take();
        byte[] sent = [.. Frames.Preface, .. Frames.Block(1, block)];

        Assert.Equal(sent, Copy(sent));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(200, false)]
    [InlineData(null, true)]
    [InlineData(7, true)]
    public void Keeps_priority_and_end_of_the_stream_and_drops_padding(int? padding, bool priority)
    {
        var block = Fields(new HpackWriter()).Field(":authority", Socket).Take();

        var copied = Copy([.. Frames.Preface, .. Frames.Block(1, block, Frames.EndStream, 10, padding, priority)]);

        var (type, flags, stream, payload) = Assert.Single(Frames.Split(copied.AsSpan(24)));
        Assert.Equal((Frames.Headers, Frames.EndStream | Frames.EndHeaders | (priority ? Frames.Priority : 0), 1), (type, flags, stream));
        Assert.Equal(priority ? [0, 0, 0, 0, 16] : [], payload[..(priority ? 5 : 0)]);
        Assert.Contains(new string('x', Socket.Length), Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
    }

    /// <summary>Spelled out it is longer than by Huffman's code, and a frame may not be.</summary>
    [Fact]
    public void Goes_on_in_a_second_frame_when_a_block_became_longer_than_one()
    {
        var authority = "/" + new string('a', 20_000);

        var copied = Copy([.. Frames.Preface, .. Call(new HpackWriter(), 1, authority)]);

        var frames = Frames.Split(copied.AsSpan(24));
        Assert.Equal([(Frames.Headers, 0, 1), (Frames.Continuation, Frames.EndHeaders, 1)], frames.Select(f => (f.Type, (int)f.Flags, f.Stream)));
        Assert.Equal(16_384, frames[0].Payload.Length);
        Assert.Equal(authority.Length, frames.Sum(f => f.Payload.Count(b => b == 'x')));
    }

    [Fact]
    public void Copies_the_same_however_it_comes_in_pieces() =>
        Gen.Int[1, 40].Sample(piece =>
        {
            var writer = new HpackWriter();
            byte[] sent =
            [
                .. Frames.Preface, .. Frames.Make(Frames.Settings, 0, 0), .. Call(writer, 1, Socket), .. Frames.Make(Frames.Data, 1, 1, 0, 0, 0, 0, 0),
                .. Call(writer, 3, "/other"), .. Frames.Make(Frames.Data, 1, 3), .. Frames.Make(Frames.Ping, 0, 0, new byte[8]),
            ];

            Assert.Equal(Copy(sent), Copy(sent, piece));
        });

    /// <summary>The server refuses it, as it always did.</summary>
    [Theory]
    [InlineData("474554202f20485454502f312e310d0a486f73743a20780d0a0d0a")] // HTTP/1.1, in the preface's place.
    [InlineData("P000001010400000001ff")] // An index without an end.
    [InlineData("P000001010400000001c0")] // An entry that is not there.
    [InlineData("P00000101040000000180")] // Entry 0.
    [InlineData("P0000020104000000014105")] // A text that is cut off.
    [InlineData("P000003010400000001418100")] // A text that is none by Huffman's code.
    [InlineData("P0000030104000000013fe21f")] // A table of 4,097 bytes.
    [InlineData("P0000000109000000010000000904000000")] // Padding of which there is none.
    [InlineData("P000002010c0000000105ff")] // More padding than frame.
    [InlineData("P00000101000000000182000001000000000300")] // Something else within a block.
    [InlineData("P00400101040000000182")] // A frame that is too long.
    [InlineData("P000001090400000001820000010104000000038200")] // A continuation of nothing.
    public void Passes_on_what_it_cannot_read(string hex)
    {
        byte[] sent = hex[0] == 'P' ? [.. Frames.Preface, .. Convert.FromHexString(hex[1..])] : Convert.FromHexString(hex);
        sent = [.. sent, .. Call(new HpackWriter(), 1, Socket)];

        Assert.Equal(sent, Copy(sent));
    }

    [Fact]
    public void Holds_no_more_than_a_bound_of_a_block_without_an_end()
    {
        byte[] sent = [.. Frames.Preface, .. Frames.Make(Frames.Headers, 0, 1, 0x82), .. Enumerable.Repeat(Frames.Make(Frames.Continuation, 0, 1, new byte[1000]), 200).SelectMany(f => f)];
        var output = new ArrayBufferWriter<byte>();

        new RequestFrames().Copy(new ReadOnlySequence<byte>(sent), output);

        Assert.Equal(sent, output.WrittenSpan.ToArray());
    }

    /// <summary>What was put in the place of noise needs nothing put in its place.</summary>
    [Fact]
    public void Copies_its_own_copy_unchanged_also_of_noise() =>
        Gen.Select(Gen.Byte.Array[0, 60], Gen.Byte.Array[0, 60], Gen.Int[0, 255]).Sample((one, two, flags) =>
        {
            byte[] sent = [.. Frames.Preface, .. Frames.Make(Frames.Headers, flags, 1, [0x41, .. one]), .. Frames.Make(Frames.Continuation, flags, 1, two), .. one];

            var copied = Copy(sent, 7);

            Assert.Equal(copied, Copy(copied));
            // Only padding goes, and only a text becomes longer.
            Assert.InRange(copied.Length, sent.Length - 255 - 9, sent.Length * 8 / 5);
        });

    internal static HpackWriter Fields(HpackWriter writer) =>
        writer.Field(":method", "POST").Field(":scheme", "http").Field(":path", "/cache.CacheService/Config");

    private static byte[] Call(HpackWriter writer, int stream, string authority, bool huffman = true) =>
        Frames.Block(stream, Fields(writer).Field(":authority", authority, huffman: huffman).Take(), flags: 0);

    private static byte[] Copy(byte[] sent, int piece = int.MaxValue)
    {
        var frames = new RequestFrames();
        var output = new ArrayBufferWriter<byte>();
        foreach (var part in sent.Chunk(Math.Min(piece, Math.Max(1, sent.Length)))) frames.Copy(new ReadOnlySequence<byte>(part), output);
        frames.End(output);
        return output.WrittenSpan.ToArray();
    }
}
