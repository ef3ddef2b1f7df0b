using System.Net.Sockets;
using System.Security.Cryptography;
using VmCacheCluster.Agent.Yamux;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent.Yamux;

public sealed class YamuxSessionSpecs : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(1));

    public void Dispose() => _limit.Dispose();

    [Fact]
    public async Task Speaks_the_bytes_that_the_protocol_has()
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);

        await using (var stream = await session.OpenAsync(_limit.Token))
        {
            // A window's update with SYN opens stream 1, the first of a client.
            Assert.Equal("000100010000000100000000", await ReadAsync(raw, 12));
            await stream.WriteAsync("hi"u8.ToArray(), _limit.Token);
            Assert.Equal("0000000000000001000000026869", await ReadAsync(raw, 14));
            await raw.WriteAsync(Convert.FromHexString("000100020000000100000000" + "00000000000000010000000379657321".Replace("21", "", StringComparison.Ordinal)), _limit.Token);
            var answer = new byte[3];
            await stream.ReadExactlyAsync(answer, _limit.Token);
            Assert.Equal("yes"u8.ToArray(), answer);
        }

        // Closed: a window's update with FIN.
        Assert.Equal("000100040000000100000000", await ReadAsync(raw, 12));
        // A ping is answered with its own number.
        await raw.WriteAsync(Convert.FromHexString("00020001000000000000002a"), _limit.Token);
        Assert.Equal("00020002000000000000002a", await ReadAsync(raw, 12));
        await raw.DisposeAsync();
        await session.Closed.WaitAsync(_limit.Token);
    }

    [Fact]
    public async Task Carries_more_than_a_window_both_ways_on_many_streams_at_once()
    {
        var (left, right) = await PairAsync();
        await using var client = new YamuxSession(left, client: true);
        await using var server = new YamuxSession(right, client: false);
        var echoing = Task.Run(async () =>
        {
            while (await server.AcceptAsync(_limit.Token) is { } stream) _ = EchoAsync(stream);
        });

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            var sent = RandomNumberGenerator.GetBytes(1_500_000 + i);
            await using var stream = await client.OpenAsync(_limit.Token);
            var writing = stream.WriteAsync(sent, _limit.Token).AsTask();
            var back = new byte[sent.Length];
            await stream.ReadExactlyAsync(back, _limit.Token);
            await writing;
            Assert.Equal(sent, back);
        }));

        await client.DisposeAsync();
        await echoing.WaitAsync(_limit.Token);
        Assert.Equal(0, client.Ignored + server.Ignored);
    }

    [Fact]
    public async Task Sends_no_more_than_the_peer_has_room_for()
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        var stream = await session.OpenAsync(_limit.Token);
        await ReadAsync(raw, 12);

        var writing = stream.WriteAsync(new byte[300_000], _limit.Token).AsTask();
        Assert.StartsWith("0000000000000001" + "00040000", await ReadAsync(raw, 12 + 262_144), StringComparison.Ordinal);
        Assert.False(writing.IsCompleted);
        await raw.WriteAsync(Convert.FromHexString("000100000000000100100000"), _limit.Token);
        Assert.StartsWith("0000000000000001" + (300_000 - 262_144).ToString("x8", null), await ReadAsync(raw, 12 + 300_000 - 262_144), StringComparison.Ordinal);
        await writing;
    }

    /// <summary>The agent outlives its host side: what it still sends to an earlier one comes to the next.</summary>
    [Fact]
    public async Task Ignores_what_an_earlier_session_left()
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        await raw.WriteAsync(Convert.FromHexString("000000000000002b00000003616263" + "000100000000002b00001000" + "000100080000002b00000000"), _limit.Token);

        var stream = await session.OpenAsync(_limit.Token);
        await raw.WriteAsync(Convert.FromHexString("000000000000000100000001" + "7a"), _limit.Token);

        var one = new byte[1];
        await stream.ReadExactlyAsync(one, _limit.Token);
        Assert.Equal((byte)'z', one[0]);
        Assert.Equal(3, session.Ignored);
    }

    [Theory]
    [InlineData("ffffffffffffffffffffffff", "not yamux")]
    [InlineData("000300000000000000000000", "farewell")]
    [InlineData("000000000000000100040001", "more than a window")]
    [InlineData("000100010000000300000000", "not its own")]
    [InlineData("0001", "closed")]
    [InlineData("", "closed")]
    public async Task Ends_every_stream_and_says_why_when_the_peer_misbehaves(string sends, string why)
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        var stream = await session.OpenAsync(_limit.Token);
        await raw.WriteAsync(Convert.FromHexString(sends), _limit.Token);
        ((NetworkStream)raw).Socket.Shutdown(SocketShutdown.Send);

        await session.Closed.WaitAsync(_limit.Token);

        Assert.Contains(why, (await Assert.ThrowsAsync<YamuxException>(() => stream.ReadAsync(new byte[1], _limit.Token).AsTask())).Message, StringComparison.Ordinal);
        Assert.Contains(why, (await Assert.ThrowsAsync<YamuxException>(() => stream.WriteAsync(new byte[1], _limit.Token).AsTask())).Message, StringComparison.Ordinal);
        Assert.Contains(why, (await Assert.ThrowsAsync<YamuxException>(() => session.OpenAsync(_limit.Token))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ends_a_stream_alone_when_the_peer_resets_it_and_lets_a_half_be_closed()
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        var (first, second) = (await session.OpenAsync(_limit.Token), await session.OpenAsync(_limit.Token));

        await raw.WriteAsync(Convert.FromHexString("000100080000000100000000" + "000000040000000300000001" + "61"), _limit.Token);

        Assert.Contains("reset", (await Assert.ThrowsAsync<YamuxException>(() => first.ReadAsync(new byte[1], _limit.Token).AsTask())).Message, StringComparison.Ordinal);
        Assert.Equal(1, await second.ReadAsync(new byte[8], _limit.Token));
        Assert.Equal(0, await second.ReadAsync(new byte[8], _limit.Token));
        await second.WriteAsync("x"u8.ToArray(), _limit.Token);
    }

    [Fact]
    public async Task Gives_up_a_write_that_waits_for_room_when_it_is_cancelled()
    {
        var (_, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        var stream = await session.OpenAsync(_limit.Token);
        using var cancel = new CancellationTokenSource();
        var writing = stream.WriteAsync(new byte[1 << 20], cancel.Token).AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
        await session.DisposeAsync();
        Assert.True(session.Closed.IsCompletedSuccessfully);
    }

    [Theory]
    [InlineData("00020002000000000000002a")] // answers to pings
    [InlineData("000000000000002b00000000")] // of a stream that is not there
    [InlineData("000100000000000100000000")] // room for nothing
    [InlineData("000000000000000100000000")] // content that is none
    public async Task Ends_when_the_peer_sends_and_sends_what_is_for_nobody(string frame)
    {
        var (raw, end) = await PairAsync();
        await using var session = new YamuxSession(end, client: true);
        var stream = await session.OpenAsync(_limit.Token);
        var chunk = Enumerable.Repeat(Convert.FromHexString(frame), 1000).SelectMany(b => b).ToArray();

        for (var i = 0; i < 200 && !session.Closed.IsCompleted; i++)
        {
            try
            {
                await raw.WriteAsync(chunk, _limit.Token);
            }
            catch (IOException)
            {
                break;
            }
        }

        Assert.Contains("carry nothing", (await Assert.ThrowsAsync<YamuxException>(() => stream.ReadAsync(new byte[1], _limit.Token).AsTask())).Message, StringComparison.Ordinal);
    }

    private static async Task EchoAsync(Stream stream)
    {
        await using (stream) await stream.CopyToAsync(stream);
    }

    private async Task<string> ReadAsync(Stream raw, int count)
    {
        var bytes = new byte[count];
        await raw.ReadExactlyAsync(bytes, _limit.Token);
        return Convert.ToHexStringLower(bytes);
    }

    private static async Task<(Stream, Stream)> PairAsync()
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        var accepting = listener.AcceptTcpClientAsync();
        await client.ConnectAsync((System.Net.IPEndPoint)listener.LocalEndpoint);
        return (client.GetStream(), (await accepting).GetStream());
    }
}
