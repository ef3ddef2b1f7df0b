using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

using Handler = Func<IAsyncEnumerable<CheckRequest>, Func<VersionCheckResponse, ValueTask>, CancellationToken, Task>;

public sealed class TtrpcStreamSpecs
{
    [Fact]
    public async Task Carries_messages_both_ways_until_both_sides_are_done()
    {
        await using var pair = Serving(async (input, write, _) =>
        {
            await foreach (var m in input) await write(new VersionCheckResponse { AgentVersion = m.Service });
            await write(new VersionCheckResponse { AgentVersion = "end" });
        });
        await using var stream = await OpenAsync(pair);
        await stream.WriteAsync(new CheckRequest { Service = "a" });
        Assert.Equal("a", (await ReadAsync(stream))?.AgentVersion);
        await stream.WriteAsync(new CheckRequest());
        Assert.Equal("", (await ReadAsync(stream))?.AgentVersion);
        await stream.CompleteAsync();
        Assert.Equal("end", (await ReadAsync(stream))?.AgentVersion);
        Assert.Null(await ReadAsync(stream));
        await Assert.ThrowsAsync<InvalidOperationException>(() => stream.WriteAsync(new CheckRequest()));
    }

    [Fact]
    public async Task Loses_nothing_and_stays_bounded_when_the_reader_is_slow()
    {
        const int total = 200;
        var sent = 0;
        var stuck = new TaskCompletionSource();
        var chunk = new string('x', 10_000);
        await using var pair = Serving(
            async (_, write, _) =>
            {
                for (var i = 0; i < total; i++)
                {
                    var writing = write(new VersionCheckResponse { GrpcVersion = $"{i}", AgentVersion = chunk });
                    if (!writing.IsCompleted) stuck.TrySetResult();
                    await writing;
                    sent++;
                }
                stuck.TrySetResult();
            },
            new TtrpcClientOptions { StreamBuffer = 50_000 });
        await using var stream = await OpenAsync(pair);
        await stuck.Task.WaitAsync(TtrpcPair.Generous);
        Assert.True(sent < total / 2, $"{sent} messages were sent to a client that read none");
        for (var i = 0; i < total; i++) Assert.Equal($"{i}", (await ReadAsync(stream))?.GrpcVersion);
        Assert.Null(await ReadAsync(stream));
    }

    [Fact]
    public async Task Frees_the_connection_when_a_stream_with_unread_messages_is_disposed()
    {
        var chunk = new string('x', 10_000);
        await using var pair = Serving(
            async (_, write, cancel) =>
            {
                while (!cancel.IsCancellationRequested) await write(new VersionCheckResponse { AgentVersion = chunk });
            },
            new TtrpcClientOptions { StreamBuffer = 50_000 });
        var stream = await OpenAsync(pair);
        Assert.NotNull(await ReadAsync(stream));
        await stream.DisposeAsync();
        Assert.Equal("free", await TtrpcCallSpecs.EchoAsync(pair.Client, "free", TtrpcPair.Generous));
    }

    [Fact]
    public async Task Reports_the_handlers_error_when_it_fails_in_mid_stream()
    {
        await using var pair = Serving(async (_, write, _) =>
        {
            await write(new VersionCheckResponse { AgentVersion = "one" });
            throw new TtrpcStatusException(TtrpcStatusCode.DataLoss, "lost");
        });
        await using var stream = await OpenAsync(pair);
        Assert.Equal("one", (await ReadAsync(stream))?.AgentVersion);
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => ReadAsync(stream));
        Assert.Equal(TtrpcStatusCode.DataLoss, e.Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancels_the_handler_when_the_client_abandons_the_stream(bool completedFirst)
    {
        var cancelled = new TaskCompletionSource();
        await using var pair = Serving(async (_, write, cancel) =>
        {
            TtrpcPair.TellWhenCancelled(cancel, cancelled);
            await write(new VersionCheckResponse());
            await Task.Delay(Timeout.Infinite, cancel);
        });
        var stream = await OpenAsync(pair);
        await ReadAsync(stream);
        if (completedFirst) await stream.CompleteAsync();
        await stream.DisposeAsync();
        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
        Assert.Equal("alive", await TtrpcCallSpecs.EchoAsync(pair.Client, "alive"));
    }

    [Fact]
    public async Task Fails_the_reader_when_the_connection_ends()
    {
        await using var pair = Serving((_, _, cancel) => Task.Delay(Timeout.Infinite, cancel));
        await using var stream = await OpenAsync(pair);
        var reading = ReadAsync(stream);
        await pair.Client.DisposeAsync();
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => reading);
    }

    [Fact]
    public async Task Times_out_on_both_sides_when_the_deadline_passes()
    {
        var cancelled = new TaskCompletionSource();
        await using var pair = Serving(async (_, _, cancel) =>
        {
            TtrpcPair.TellWhenCancelled(cancel, cancelled);
            await Task.Delay(Timeout.Infinite, cancel);
        });
        await using var stream = await OpenAsync(pair, TimeSpan.FromMilliseconds(50));
        var e = await Assert.ThrowsAnyAsync<TtrpcException>(() => ReadAsync(stream));
        Assert.True(e is TtrpcTimeoutException or TtrpcStatusException { Code: TtrpcStatusCode.DeadlineExceeded });
        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
    }

    private static TtrpcPair Serving(Handler handler, TtrpcClientOptions? options = null) =>
        new(TtrpcCallSpecs.Echo().AddBidi("s", "Stream", CheckRequest.Parser, handler), options);

    private static Task<TtrpcStream<CheckRequest, VersionCheckResponse>> OpenAsync(TtrpcPair pair, TimeSpan? timeout = null) =>
        pair.Client.OpenStreamAsync<CheckRequest, VersionCheckResponse>("s", "Stream", VersionCheckResponse.Parser, default, timeout);

    private static Task<VersionCheckResponse?> ReadAsync(TtrpcStream<CheckRequest, VersionCheckResponse> stream) =>
        stream.ReadAsync().AsTask().WaitAsync(TtrpcPair.Generous);
}
