using CsCheck;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class TtrpcServerSpecs
{
    [Fact]
    public void Ends_that_connection_alone_when_the_client_sends_random_bytes()
    {
        var server = TtrpcCallSpecs.Echo();
        Gen.Byte.Array[0, 300].Sample(
            bytes => Task.Run(async () =>
            {
                var (left, right) = DuplexPair.Make();
                var served = server.ServeAsync(right, default);
                var header = Frames.Bytes((uint)bytes.Length / 2, 1, (byte)(bytes.Length % 3 + 1), 0);
                await left.WriteAsync(header.Concat(bytes).ToArray());
                await left.FlushAsync();
                await left.DisposeAsync();
                var end = await served.WaitAsync(TtrpcPair.Generous);
                Assert.NotEmpty(end.Detail);
            }).GetAwaiter().GetResult(),
            iter: 200);
    }

    [Theory]
    [InlineData(2, "a response came")]
    [InlineData(9, "unknown type 9")]
    public async Task Says_why_when_a_frame_is_malformed(byte type, string reason)
    {
        var (left, right) = DuplexPair.Make();
        var served = TtrpcCallSpecs.Echo().ServeAsync(right, default);
        await left.WriteAsync(Frames.Bytes(0, 1, type, 0));
        await left.FlushAsync();
        var end = await served.WaitAsync(TtrpcPair.Generous);
        Assert.Equal(TtrpcEndKind.Malformed, end.Kind);
        Assert.Contains(reason, end.Detail);
    }

    [Fact]
    public async Task Serves_the_same_stream_again_when_it_was_drained_after_garbage()
    {
        var (left, right) = DuplexPair.Make();
        var server = TtrpcCallSpecs.Echo(new TtrpcServerOptions { FrameTimeout = TimeSpan.FromMilliseconds(50) });
        // Half a frame of a client that died, and the garbage of another.
        foreach (var garbage in new[] { Frames.Bytes(100, 1, 1, 0), Enumerable.Repeat((byte)0xff, 70).ToArray() })
        {
            var served = server.ServeAsync(right, default);
            await left.WriteAsync(garbage);
            await left.FlushAsync();
            Assert.Equal(TtrpcEndKind.Malformed, (await served.WaitAsync(TtrpcPair.Generous)).Kind);
            var (_, ended) = await TtrpcResync.DrainAsync(right, TimeSpan.FromMilliseconds(20), default).WaitAsync(TtrpcPair.Generous);
            Assert.False(ended);
        }
        var again = server.ServeAsync(right, default);
        await using var client = new TtrpcClient(left);
        Assert.Equal("well", await TtrpcCallSpecs.EchoAsync(client, "well", TtrpcPair.Generous));
        await client.DisposeAsync();
        Assert.Equal(TtrpcEndKind.Closed, (await again.WaitAsync(TtrpcPair.Generous)).Kind);
    }

    [Fact]
    public async Task Discards_all_and_tells_the_end_when_a_drained_stream_ends()
    {
        var (discarded, ended) = await TtrpcResync.DrainAsync(new MemoryStream(new byte[10_000]), TtrpcPair.Generous, default);
        Assert.Equal((10_000, true), (discarded, ended));
    }

    [Fact]
    public async Task Cancels_running_handlers_when_the_client_closes()
    {
        var (started, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        var server = new TtrpcServer().AddUnary("s", "Echo", CheckRequest.Parser, TtrpcPair.Endless(started, cancelled));
        await using var pair = new TtrpcPair(server);
        _ = TtrpcCallSpecs.EchoAsync(pair.Client, "x");
        await started.Task.WaitAsync(TtrpcPair.Generous);
        await pair.Client.DisposeAsync();
        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
        Assert.Equal(TtrpcEndKind.Closed, (await pair.Served.WaitAsync(TtrpcPair.Generous)).Kind);
    }

    [Fact]
    public async Task Cancels_the_handler_and_says_so_when_the_deadline_passes()
    {
        var (left, right) = DuplexPair.Make();
        var cancelled = new TaskCompletionSource();
        var server = new TtrpcServer().AddUnary("s", "Echo", CheckRequest.Parser, TtrpcPair.Endless(cancelled: cancelled));
        _ = server.ServeAsync(right, default);

        // Not through a client, whose own deadline may pass before the request is sent.
        await SendAsync(left, Frames.Request(7, "s", "Echo", new CheckRequest(), TimeSpan.FromMilliseconds(50)));

        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
        var answer = Wire(await new TtrpcFrameReader(left).ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous));
        Assert.Equal((int)TtrpcStatusCode.DeadlineExceeded, answer.Status.Code);
    }

    [Fact]
    public async Task Refuses_the_second_call_when_a_stream_id_is_used_twice()
    {
        var (left, right) = DuplexPair.Make();
        var gate = new TaskCompletionSource();
        var server = new TtrpcServer().AddUnary("s", "Echo", CheckRequest.Parser, async (CheckRequest _, CancellationToken _) =>
        {
            await gate.Task;
            return new VersionCheckResponse { AgentVersion = "first" };
        });
        _ = server.ServeAsync(right, default);
        var request = Frames.Request(7, "s", "Echo", new CheckRequest());
        await left.WriteAsync(request.Concat(request).ToArray());
        await left.FlushAsync();
        var reader = new TtrpcFrameReader(left);
        var refusal = Wire(await reader.ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous));
        gate.SetResult();
        var answer = Wire(await reader.ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous));
        Assert.Equal((int)TtrpcStatusCode.AlreadyExists, refusal.Status.Code);
        Assert.Equal("first", VersionCheckResponse.Parser.ParseFrom(answer.Payload).AgentVersion);
    }

    [Theory]
    [InlineData(7u)]
    [InlineData(5u)]
    public async Task Ends_the_old_clients_calls_unanswered_when_a_new_one_begins_to_count_again(uint id)
    {
        var (left, right) = DuplexPair.Make();
        var (started, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        var server = TtrpcCallSpecs.Echo(new TtrpcServerOptions { ClientsChangeUnseen = true })
            .AddUnary("s", "Wait", CheckRequest.Parser, TtrpcPair.Endless(started, cancelled));
        _ = server.ServeAsync(right, default);
        await SendAsync(left, Frames.Request(7, "s", "Wait", new CheckRequest()));
        await started.Task.WaitAsync(TtrpcPair.Generous);

        await SendAsync(left, Frames.Request(id, "s", "Echo", new CheckRequest { Service = "new" }));

        await cancelled.Task.WaitAsync(TtrpcPair.Generous);
        var reader = new TtrpcFrameReader(left);
        await AssertNextAsync(reader, id, "new");
        // Nothing came between: neither the old call's result nor that it was cancelled.
        await SendAsync(left, Frames.Request(id + 2, "s", "Echo", new CheckRequest { Service = "newer" }));
        await AssertNextAsync(reader, id + 2, "newer");
    }

    [Fact]
    public async Task Keeps_calls_running_when_the_same_client_goes_on()
    {
        var (left, right) = DuplexPair.Make();
        var gate = new TaskCompletionSource();
        var server = TtrpcCallSpecs.Echo(new TtrpcServerOptions { ClientsChangeUnseen = true })
            .AddUnary("s", "Wait", CheckRequest.Parser, async (CheckRequest _, CancellationToken cancel) =>
            {
                await gate.Task.WaitAsync(cancel);
                return new VersionCheckResponse { AgentVersion = "waited" };
            });
        _ = server.ServeAsync(right, default);
        var reader = new TtrpcFrameReader(left);
        await SendAsync(left, Frames.Request(7, "s", "Wait", new CheckRequest()));
        await SendAsync(left, Frames.Request(9, "s", "Echo", new CheckRequest { Service = "next" }));
        await AssertNextAsync(reader, 9, "next");

        gate.SetResult();

        await AssertNextAsync(reader, 7, "waited");
    }

    [Fact]
    public async Task Reports_invalid_argument_when_the_payload_is_no_such_message()
    {
        var (left, right) = DuplexPair.Make();
        _ = TtrpcCallSpecs.Echo().ServeAsync(right, default);
        var envelope = new VmCacheCluster.Agent.Wire.Request { Service = "s", Method = "Echo", Payload = Google.Protobuf.ByteString.CopyFrom(0x0a, 0x7f) };
        var payload = Google.Protobuf.MessageExtensions.ToByteArray(envelope);
        await left.WriteAsync(Frames.Bytes((uint)payload.Length, 1, 1, 1, payload));
        await left.FlushAsync();
        var answer = Wire(await new TtrpcFrameReader(left).ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous));
        Assert.Equal((int)TtrpcStatusCode.InvalidArgument, answer.Status.Code);
    }

    private static async Task SendAsync(Stream stream, byte[] frame)
    {
        await stream.WriteAsync(frame);
        await stream.FlushAsync();
    }

    private static async Task AssertNextAsync(TtrpcFrameReader reader, uint id, string version)
    {
        var frame = await reader.ReadAsync(default).AsTask().WaitAsync(TtrpcPair.Generous);
        Assert.Equal(id, frame!.Value.StreamId);
        Assert.Equal(version, VersionCheckResponse.Parser.ParseFrom(Wire(frame).Payload).AgentVersion);
    }

    private static VmCacheCluster.Agent.Wire.Response Wire(TtrpcFrame? frame) =>
        VmCacheCluster.Agent.Wire.Response.Parser.ParseFrom(frame!.Value.Payload.Span);
}
