using System.Collections.Concurrent;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class TtrpcImmediateSpecs
{
    [Fact]
    public async Task Answers_each_call_with_its_own_answer_and_one_at_a_time()
    {
        var (running, overlapped, seen) = (0, false, new ConcurrentQueue<string>());
        await using var pair = new TtrpcPair(Immediate(request =>
        {
            overlapped |= Interlocked.Increment(ref running) > 1;
            seen.Enqueue(request.Service);
            Interlocked.Decrement(ref running);
            return new VersionCheckResponse { AgentVersion = request.Service };
        }));
        var texts = Enumerable.Range(0, 100).Select(i => $"call {i}").ToArray();
        var answers = await Task.WhenAll(texts.Select(text => TtrpcCallSpecs.EchoAsync(pair.Client, text))).WaitAsync(TtrpcPair.Generous);
        Assert.Equal(texts, answers);
        Assert.False(overlapped);
        Assert.Equal(texts.Order(), seen.Order());
    }

    [Theory]
    [InlineData(true, TtrpcStatusCode.NotFound, "not here")]
    [InlineData(false, TtrpcStatusCode.Internal, "fell over")]
    public async Task Reports_the_handlers_error_and_serves_on_when_it_throws(bool chosen, TtrpcStatusCode code, string message)
    {
        await using var pair = new TtrpcPair(Immediate(request => request.Service == "well"
            ? new VersionCheckResponse { AgentVersion = "well" }
            : throw (chosen ? new TtrpcStatusException(code, message) : new InvalidOperationException(message))));
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => TtrpcCallSpecs.EchoAsync(pair.Client, "x"));
        Assert.Equal((code, message), (e.Code, e.Message));
        Assert.Equal("well", await TtrpcCallSpecs.EchoAsync(pair.Client, "well"));
    }

    [Fact]
    public async Task Reports_resource_exhausted_and_serves_on_when_the_answer_is_too_long()
    {
        await using var pair = new TtrpcPair(Immediate(
            request => new VersionCheckResponse { AgentVersion = request.Service == "long" ? new string('x', 1000) : request.Service },
            new TtrpcServerOptions { MaxPayload = 1000 }));
        var e = await Assert.ThrowsAsync<TtrpcStatusException>(() => TtrpcCallSpecs.EchoAsync(pair.Client, "long"));
        Assert.Equal(TtrpcStatusCode.ResourceExhausted, e.Code);
        Assert.Equal("short", await TtrpcCallSpecs.EchoAsync(pair.Client, "short"));
    }

    private static TtrpcServer Immediate(Func<CheckRequest, VersionCheckResponse> handler, TtrpcServerOptions? options = null) =>
        new TtrpcServer(options).AddImmediate("s", "Echo", CheckRequest.Parser, handler);
}
