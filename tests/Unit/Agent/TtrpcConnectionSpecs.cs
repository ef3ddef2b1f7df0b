using System.Net.Sockets;
using CsCheck;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class TtrpcConnectionSpecs
{
    private static readonly TtrpcClientOptions FromOne = new() { FirstStreamId = 1 };

    [Fact]
    public async Task Fails_pending_and_later_calls_when_the_peer_closes()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left);
        var calls = Enumerable.Range(0, 3).Select(_ => TtrpcCallSpecs.EchoAsync(client, "x")).ToArray();
        await right.DisposeAsync();
        foreach (var call in calls) await Assert.ThrowsAsync<TtrpcConnectionException>(() => call.WaitAsync(TtrpcPair.Generous));
        await client.Closed.WaitAsync(TtrpcPair.Generous);
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => TtrpcCallSpecs.EchoAsync(client, "x"));
        Assert.Equal("the peer closed the connection", client.CloseReason);
    }

    [Fact]
    public async Task Fails_pending_calls_when_it_is_disposed()
    {
        var (left, _) = DuplexPair.Make();
        var client = new TtrpcClient(left);
        var call = TtrpcCallSpecs.EchoAsync(client, "x");
        await client.DisposeAsync().AsTask().WaitAsync(TtrpcPair.Generous);
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => call.WaitAsync(TtrpcPair.Generous));
    }

    [Fact]
    public async Task Times_out_when_the_peer_takes_nothing()
    {
        var (left, _) = DuplexPair.Make();
        await using var client = new TtrpcClient(left);
        // The pipe holds 64 KiB: the first call is stuck in its write, the second waits for its turn.
        var calls = new[] { new string('x', 200_000), "y" }.Select(t => TtrpcCallSpecs.EchoAsync(client, t, TimeSpan.FromMilliseconds(50)));
        foreach (var call in calls.ToArray()) await Assert.ThrowsAsync<TtrpcTimeoutException>(() => call.WaitAsync(TtrpcPair.Generous));
    }

    [Fact]
    public async Task Ignores_and_counts_answers_when_nobody_waits_for_them()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left, FromOne);
        var call = TtrpcCallSpecs.EchoAsync(client, "x");
        var late = new VersionCheckResponse { AgentVersion = "late" };
        var mine = new VersionCheckResponse { AgentVersion = "mine" };
        await right.WriteAsync(Frames.Answer(4711, late).Concat(Frames.Answer(1, mine)).ToArray());
        await right.FlushAsync();
        Assert.Equal("mine", await call.WaitAsync(TtrpcPair.Generous));
        Assert.Equal(1, client.IgnoredFrames);
    }

    [Fact]
    public async Task Sends_odd_and_increasing_stream_ids_when_calls_start_at_once()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left);
        var calls = Enumerable.Range(0, 20).Select(_ => Task.Run(() => TtrpcCallSpecs.EchoAsync(client, "x"))).ToArray();
        var reader = new TtrpcFrameReader(right);
        var ids = new List<uint>();
        while (ids.Count < calls.Length) ids.Add((await reader.ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous))!.Value.StreamId);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => ids[0] + 2 * (uint)i), ids);
        Assert.True(ids[0] < 1 << 20 && ids[0] % 2 == 1);
    }

    [Fact]
    public void Starts_at_different_ids_when_made_anew() =>
        Assert.True(Enumerable.Range(0, 20).Select(_ => new TtrpcClientOptions().FirstStreamId).Distinct().Count() > 1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Never_hangs_when_the_peer_sends_random_bytes(bool unary) =>
        Gen.Byte.Array[0, 300].Sample(
            bytes => Task.Run(async () =>
            {
                var (left, right) = DuplexPair.Make();
                await using var client = new TtrpcClient(left, FromOne);
                var call = unary ? TtrpcCallSpecs.EchoAsync(client, "x") : ReadStreamAsync(client);
                // A valid answer's header before them makes the payload's parser see random bytes, too.
                var header = Frames.Bytes((uint)bytes.Length / 2, 1, (byte)(bytes.Length % 2 + 2), 0);
                await right.WriteAsync(header.Concat(bytes).ToArray());
                await right.FlushAsync();
                await right.DisposeAsync();
                await call.WaitAsync(TtrpcPair.Generous).ContinueWith(t => Assert.True(t.IsCompletedSuccessfully || t.Exception!.InnerException is TtrpcException));
                await client.Closed.WaitAsync(TtrpcPair.Generous);
            }).GetAwaiter().GetResult(),
            iter: 200);

    [Fact]
    public async Task Calls_over_a_unix_socket()
    {
        var path = Path.Combine(Path.GetTempPath(), $"ttrpc-{Guid.NewGuid():N}.sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        try
        {
            await using var client = await TtrpcClient.ConnectAsync(path, null, default);
            await using var accepted = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            var served = TtrpcCallSpecs.Echo().ServeAsync(accepted, default);
            Assert.Equal("hello", await TtrpcCallSpecs.EchoAsync(client, "hello", TtrpcPair.Generous));
            await client.DisposeAsync();
            Assert.Equal(TtrpcEndKind.Closed, (await served.WaitAsync(TtrpcPair.Generous)).Kind);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Names_the_path_when_nobody_listens()
    {
        var e = await Assert.ThrowsAsync<TtrpcConnectionException>(() => TtrpcClient.ConnectAsync("/nonexistent/agent.sock", null, default));
        Assert.Contains("/nonexistent/agent.sock", e.Message);
    }

    private static async Task<string> ReadStreamAsync(TtrpcClient client)
    {
        await using var stream = await client.OpenStreamAsync<CheckRequest, VersionCheckResponse>("s", "Stream", VersionCheckResponse.Parser, default);
        var text = "";
        await foreach (var message in stream.ReadAllAsync()) text += message.AgentVersion;
        return text;
    }
}
