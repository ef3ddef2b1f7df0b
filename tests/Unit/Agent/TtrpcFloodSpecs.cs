using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

/// <summary>A guest that keeps its host busy with frames that nobody asked for.</summary>
public sealed class TtrpcFloodSpecs
{
    private static readonly TtrpcClientOptions FromOne = new() { FirstStreamId = 1 };
    private static readonly VersionCheckResponse Late = new() { AgentVersion = "late" };

    [Fact]
    public async Task Ends_the_connection_of_a_peer_that_answers_and_answers_what_nobody_asked()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left, FromOne);

        await FloodAsync(right, Frames.Answer(4711, Late), 200_000, client);

        await client.Closed.WaitAsync(TtrpcPair.Generous);
        Assert.Contains("frames that belong to no call", client.CloseReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ends_it_too_when_the_frames_are_of_a_stream_that_has_ended()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left, FromOne);
        await using var stream = await client.OpenStreamAsync<ExecInput, ExecOutput>("s", "m", ExecOutput.Parser, CancellationToken.None);
        await right.WriteAsync(Frames.Answer(1, new ExecOutput()));
        await right.FlushAsync();
        while (await stream.ReadAsync().AsTask().WaitAsync(TtrpcPair.Generous) is not null) { }

        await FloodAsync(right, Frames.Bytes(1, 1, 3, 0, 0), 200_000, client);

        await client.Closed.WaitAsync(TtrpcPair.Generous);
        Assert.Contains("frames that belong to no call", client.CloseReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bears_what_was_on_its_way_when_a_call_was_given_up_however_often()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left, FromOne);
        for (var i = 0; i < 3; i++)
        {
            await FloodAsync(right, Frames.Answer(4711, Late), 40_000, client);
            var call = TtrpcCallSpecs.EchoAsync(client, "x");
            await right.WriteAsync(Frames.Answer((uint)(2 * i) + 1, new VersionCheckResponse { AgentVersion = "mine" }));
            await right.FlushAsync();
            Assert.Equal("mine", await call.WaitAsync(TtrpcPair.Generous));
        }

        Assert.Null(client.CloseReason);
    }

    /// <summary>Until all is written, or the peer is gone.</summary>
    private static async Task FloodAsync(Stream to, byte[] frame, int count, TtrpcClient client)
    {
        var chunk = Enumerable.Repeat(frame, 1000).SelectMany(b => b).ToArray();
        for (var i = 0; i < count / 1000 && !client.Closed.IsCompleted; i++)
        {
            await Task.WhenAny(WriteAsync(), client.Closed).WaitAsync(TtrpcPair.Generous);
        }

        async Task WriteAsync()
        {
            await to.WriteAsync(chunk);
            await to.FlushAsync();
        }
    }
}
