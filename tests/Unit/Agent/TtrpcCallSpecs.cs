using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class TtrpcCallSpecs
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(50);

    [Fact]
    public async Task Answers_each_call_with_its_own_answer_when_many_run_at_once()
    {
        await using var pair = new TtrpcPair(Echo(new TtrpcServerOptions { MaxConcurrentCalls = 1000 }));
        var calls = Enumerable.Range(0, 200).Select(i => EchoAsync(pair.Client, $"call {i}")).ToArray();
        var answers = await Task.WhenAll(calls).WaitAsync(TtrpcPair.Generous);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => $"call {i}"), answers);
    }

    [Fact]
    public async Task Answers_calls_out_of_order_when_the_first_takes_longer()
    {
        var gate = new TaskCompletionSource();
        var server = new TtrpcServer().AddUnary("s", "Echo", CheckRequest.Parser, async (CheckRequest r, CancellationToken _) =>
        {
            if (r.Service == "slow") await gate.Task;
            return new VersionCheckResponse { AgentVersion = r.Service };
        });
        await using var pair = new TtrpcPair(server);
        var slow = EchoAsync(pair.Client, "slow");
        Assert.Equal("fast", await EchoAsync(pair.Client, "fast"));
        Assert.False(slow.IsCompleted);
        gate.SetResult();
        Assert.Equal("slow", await slow.WaitAsync(TtrpcPair.Generous));
    }

    [Fact]
    public async Task Times_out_when_the_deadline_passes()
    {
        await using var pair = new TtrpcPair(Endless());
        await Assert.ThrowsAsync<TtrpcTimeoutException>(() => EchoAsync(pair.Client, "x", Short).WaitAsync(TtrpcPair.Generous));
        Assert.Null(pair.Client.CloseReason);
    }

    [Fact]
    public async Task Tells_the_server_its_deadline()
    {
        var (left, right) = DuplexPair.Make();
        await using var client = new TtrpcClient(left);
        var call = EchoAsync(client, "x", TtrpcPair.Generous);
        var frame = await new TtrpcFrameReader(right).ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous);
        var request = VmCacheCluster.Agent.Wire.Request.Parser.ParseFrom(frame!.Value.Payload.Span);
        Assert.Equal((long)TtrpcPair.Generous.TotalNanoseconds, request.TimeoutNano);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => call);
    }

    [Fact]
    public async Task Is_cancelled_when_the_caller_gives_up()
    {
        await using var pair = new TtrpcPair(Endless());
        using var giveUp = new CancellationTokenSource();
        var call = pair.Client.CallAsync("s", "Echo", new CheckRequest(), VersionCheckResponse.Parser, giveUp.Token);
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(TtrpcPair.Generous));
    }

    [Fact]
    public async Task Reports_unimplemented_when_there_is_no_such_method()
    {
        await using var pair = new TtrpcPair(Echo());
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(
            () => pair.Client.CallAsync("s", "None", new CheckRequest(), VersionCheckResponse.Parser, default));
        Assert.Equal(TtrpcStatusCode.Unimplemented, e.Code);
        Assert.Contains("s/None", e.Message);
    }

    [Theory]
    [InlineData(true, TtrpcStatusCode.NotFound, "not here")]
    [InlineData(false, TtrpcStatusCode.Internal, "fell over")]
    public async Task Reports_the_handlers_error_when_it_throws(bool chosen, TtrpcStatusCode code, string message)
    {
        var server = new TtrpcServer().AddUnary<CheckRequest, VersionCheckResponse>(
            "s", "Echo", CheckRequest.Parser, (_, _) => throw (chosen ? new TtrpcStatusException(code, message) : new InvalidOperationException(message)));
        await using var pair = new TtrpcPair(server);
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => EchoAsync(pair.Client, "x"));
        Assert.Equal((code, message), (e.Code, e.Message));
    }

    [Fact]
    public async Task Refuses_calls_when_too_many_run()
    {
        await using var pair = new TtrpcPair(Endless(new TtrpcServerOptions { MaxConcurrentCalls = 1 }));
        _ = EchoAsync(pair.Client, "first");
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => EchoAsync(pair.Client, "second"));
        Assert.Equal(TtrpcStatusCode.ResourceExhausted, e.Code);
    }

    [Fact]
    public async Task Fails_only_that_call_when_the_request_is_too_long()
    {
        await using var pair = new TtrpcPair(Echo(), new TtrpcClientOptions { MaxPayload = 1000 });
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => EchoAsync(pair.Client, new string('x', 1000)));
        Assert.Equal(TtrpcStatusCode.ResourceExhausted, e.Code);
        Assert.Equal("short", await EchoAsync(pair.Client, "short"));
    }

    [Fact]
    public async Task Reports_resource_exhausted_when_the_answer_is_too_long()
    {
        var server = new TtrpcServer(new TtrpcServerOptions { MaxPayload = 1000 }).AddUnary(
            "s", "Echo", CheckRequest.Parser, (CheckRequest _, CancellationToken _) => ValueTask.FromResult(new VersionCheckResponse { AgentVersion = new string('x', 1000) }));
        await using var pair = new TtrpcPair(server);
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => EchoAsync(pair.Client, "x"));
        Assert.Equal(TtrpcStatusCode.ResourceExhausted, e.Code);
        Assert.Null(pair.Client.CloseReason);
    }

    [Fact]
    public async Task Carries_the_largest_message_when_both_sides_allow_it()
    {
        await using var pair = new TtrpcPair(Echo());
        var text = new string('x', TtrpcFrame.LargestPayload - 100);
        Assert.Equal(text, await EchoAsync(pair.Client, text, TtrpcPair.Generous));
    }

    internal static async Task<string> EchoAsync(TtrpcClient client, string text, TimeSpan? timeout = null) =>
        (await client.CallAsync("s", "Echo", new CheckRequest { Service = text }, VersionCheckResponse.Parser, default, timeout)).AgentVersion;

    internal static TtrpcServer Echo(TtrpcServerOptions? options = null) => new TtrpcServer(options).AddUnary(
        "s", "Echo", CheckRequest.Parser, (CheckRequest r, CancellationToken _) => ValueTask.FromResult(new VersionCheckResponse { AgentVersion = r.Service }));

    private static TtrpcServer Endless(TtrpcServerOptions? options = null) =>
        new TtrpcServer(options).AddUnary("s", "Echo", CheckRequest.Parser, TtrpcPair.Endless());
}
