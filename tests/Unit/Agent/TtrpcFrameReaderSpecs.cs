using CsCheck;
using VmCacheCluster.Agent;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class TtrpcFrameReaderSpecs
{
    private static readonly Gen<TtrpcFrame> AnyFrame =
        from id in Gen.UInt
        from type in Gen.Byte[1, 3]
        from flags in Gen.Byte[0, 7]
        from payload in Gen.OneOf(Gen.Byte.Array[0, 40], Gen.Byte.Array[4000, 9000])
        select new TtrpcFrame(id | 1, (TtrpcFrameType)type, (TtrpcFrameFlags)flags, payload);

    [Fact]
    public void Gives_the_same_frames_when_the_bytes_come_in_any_chunks() =>
        (from frames in AnyFrame.Array[1, 5] from chunks in Gen.Int[1, 6000].Array[1, 20] select (frames, chunks)).Sample(
            x => Task.Run(async () =>
            {
                var stream = new ChunkedStream(x.frames.SelectMany(Frames.Bytes).ToArray(), x.chunks);
                var reader = new TtrpcFrameReader(stream);
                foreach (var wanted in x.frames)
                {
                    var got = await reader.ReadAsync(default);
                    Assert.Equal(Frames.Bytes(wanted), Frames.Bytes(got!.Value));
                }
                Assert.Null(await reader.ReadAsync(default));
            }).GetAwaiter().GetResult(),
            iter: 300);

    [Fact]
    public void Ends_with_malformed_or_end_of_stream_when_the_bytes_are_random() =>
        (from bytes in Gen.Byte.Array[0, 200] from chunks in Gen.Int[1, 50].Array[1, 5] select (bytes, chunks)).Sample(
            x => Task.Run(async () =>
            {
                var reader = new TtrpcFrameReader(new ChunkedStream(x.bytes, x.chunks));
                try
                {
                    while (await reader.ReadAsync(default) is not null)
                    {
                    }
                }
                catch (TtrpcMalformedException)
                {
                    return true;
                }
                return x.bytes.Length is 0 or >= TtrpcFrame.HeaderLength;
            }).GetAwaiter().GetResult(),
            iter: 1000);

    [Theory]
    [InlineData(5u * 1024 * 1024, 1u, 1, "announces 5242880 bytes")]
    [InlineData(uint.MaxValue, 1u, 1, "announces 4294967295 bytes")]
    [InlineData(0u, 2u, 1, "even stream id 2")]
    [InlineData(0u, 1u, 0, "unknown type 0")]
    [InlineData(0u, 1u, 4, "unknown type 4")]
    public async Task Says_what_is_wrong_when_a_header_is_malformed(uint length, uint id, byte type, string reason)
    {
        var reader = new TtrpcFrameReader(new MemoryStream(Frames.Bytes(length, id, type, 0)));
        var e = await Assert.ThrowsAsync<TtrpcMalformedException>(() => reader.ReadAsync(default).AsTask());
        Assert.Contains(reason, e.Message);
    }

    [Theory]
    [InlineData(4, "after 4 of 10 bytes")]
    [InlineData(12, "after 2 of 8 bytes")]
    public async Task Says_how_far_it_came_when_the_stream_ends_inside_a_frame(int length, string reason)
    {
        var reader = new TtrpcFrameReader(new MemoryStream(Frames.Bytes(8, 1, 3, 0, new byte[8])[..length]));
        var e = await Assert.ThrowsAsync<TtrpcMalformedException>(() => reader.ReadAsync(default).AsTask());
        Assert.Contains(reason, e.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11)]
    public async Task Is_malformed_when_a_frame_stays_incomplete(int length)
    {
        var (left, right) = DuplexPair.Make();
        await left.WriteAsync(Frames.Bytes(8, 1, 3, 0, new byte[8]).AsMemory(0, length));
        await left.FlushAsync();
        var reader = new TtrpcFrameReader(right, frameTimeout: TimeSpan.FromMilliseconds(50));
        var e = await Assert.ThrowsAsync<TtrpcMalformedException>(() => reader.ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous));
        Assert.Contains("incomplete for 0.05 s", e.Message);
    }

    private sealed class ChunkedStream(byte[] bytes, int[] chunks) : MemoryStream(bytes)
    {
        private int _turn;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, chunks[_turn++ % chunks.Length])], cancellationToken);
    }
}
