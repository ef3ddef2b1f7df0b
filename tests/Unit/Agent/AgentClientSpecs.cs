using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class AgentClientSpecs
{
    [Theory]
    [InlineData(HealthCheckResponse.Types.ServingStatus.Serving, true)]
    [InlineData(HealthCheckResponse.Types.ServingStatus.NotServing, false)]
    [InlineData(HealthCheckResponse.Types.ServingStatus.Unknown, false)]
    public async Task Says_whether_the_agent_serves(HealthCheckResponse.Types.ServingStatus status, bool serving)
    {
        var server = new TtrpcServer().AddUnary(
            "grpc.Health", "Check", CheckRequest.Parser, (CheckRequest _, CancellationToken _) => ValueTask.FromResult(new HealthCheckResponse { Status = status }));
        await using var pair = new TtrpcPair(server);
        Assert.Equal(serving, await new AgentClient(pair.Client).CheckAsync(default, TtrpcPair.Generous));
    }

    [Theory]
    [InlineData("2026-02-03T04:05:06.0000000Z", 1770091506, 0)]
    [InlineData("2026-02-03T04:05:06.1234569Z", 1770091506, 123456)]
    [InlineData("1969-12-31T23:59:59.9999990Z", -1, 999999)]
    public async Task Sends_seconds_and_microseconds_when_it_sets_the_clock(string time, long seconds, long microseconds)
    {
        var got = new TaskCompletionSource<SetGuestDateTimeRequest>();
        await using var pair = new TtrpcPair(AgentServer("SetGuestDateTime", SetGuestDateTimeRequest.Parser, got));
        await new AgentClient(pair.Client).SetGuestDateTimeAsync(DateTimeOffset.Parse(time, null), default);
        var request = await got.Task;
        Assert.Equal((seconds, microseconds), (request.Sec, request.Usec));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(100, 4)]
    public async Task Sets_the_clock_again_when_a_time_was_long_on_its_way(int late, int calls)
    {
        var (time, got) = (new ManualTime(), new List<SetGuestDateTimeRequest>());
        var server = new TtrpcServer().AddUnary(AgentServices.Agent, "SetGuestDateTime", SetGuestDateTimeRequest.Parser, (request, _) =>
        {
            got.Add(request);
            time.Advance(TimeSpan.FromMilliseconds(got.Count <= late ? 290 : 3));
            return ValueTask.FromResult(new Google.Protobuf.WellKnownTypes.Empty());
        });
        await using var pair = new TtrpcPair(server);
        var first = time.GetUtcNow();

        await new AgentClient(pair.Client).SetClockAsync(time, default, TtrpcPair.Generous);

        Assert.Equal(Enumerable.Range(0, calls).Select(i => (first + i * TimeSpan.FromMilliseconds(290)).ToUnixTimeMilliseconds()), got.Select(g => g.Sec * 1000 + g.Usec / 1000));
    }

    [Fact]
    public async Task Sends_the_entropy_when_it_reseeds()
    {
        var got = new TaskCompletionSource<ReseedRandomDevRequest>();
        await using var pair = new TtrpcPair(AgentServer("ReseedRandomDev", ReseedRandomDevRequest.Parser, got));
        await new AgentClient(pair.Client).ReseedRandomDevAsync(new byte[] { 1, 2, 3 }, default);
        Assert.Equal([1, 2, 3], (await got.Task).Data.ToByteArray());
    }

    [Fact]
    public async Task Says_how_many_cpus_to_bring_online()
    {
        var got = new TaskCompletionSource<OnlineCPUMemRequest>();
        await using var pair = new TtrpcPair(AgentServer("OnlineCPUMem", OnlineCPUMemRequest.Parser, got));
        await new AgentClient(pair.Client).OnlineCpuMemAsync(wait: true, cpus: 3, cpuOnly: false, default);
        Assert.Equal(new OnlineCPUMemRequest { Wait = true, NbCpus = 3 }, await got.Task);
    }

    [Fact]
    public async Task Tells_what_was_done_when_the_guest_is_prepared()
    {
        var server = new TtrpcServer().AddUnary(AgentServices.Guest, "Prepare", PrepareRequest.Parser, (request, _) =>
            ValueTask.FromResult(new PrepareResponse { Reseeded = true, Hostname = request.Hostname }));
        await using var pair = new TtrpcPair(server);

        var done = await new AgentClient(pair.Client).PrepareAsync(new PrepareRequest { Hostname = "name" }, default, TtrpcPair.Generous);

        Assert.Equal(new PrepareResponse { Reseeded = true, Hostname = "name" }, done);
    }

    [Theory]
    [InlineData(TtrpcStatusCode.Unimplemented, "Prepare method")]
    [InlineData(TtrpcStatusCode.NotFound, "no such service")]
    [InlineData(TtrpcStatusCode.InvalidArgument, "vmcache.guest.v1.Guest service does not exist")]
    [InlineData(TtrpcStatusCode.InvalidArgument, "/vmcache.guest.v1.Guest/Prepare does not exist")]
    public async Task Says_that_the_agent_cannot_when_it_has_no_prepare(TtrpcStatusCode code, string message)
    {
        await using var pair = new TtrpcPair(Refusing(code, message));

        Assert.Null(await new AgentClient(pair.Client).PrepareAsync(new PrepareRequest(), default, TtrpcPair.Generous));
    }

    [Theory]
    [InlineData(TtrpcStatusCode.InvalidArgument, "files[0]: '/vmcache.guest.v1.Guest does not exist' is a directory")]
    [InlineData(TtrpcStatusCode.Internal, "cannot write '/a': no space is left")]
    public async Task Fails_when_the_guest_refuses_to_be_prepared(TtrpcStatusCode code, string message)
    {
        await using var pair = new TtrpcPair(Refusing(code, message));

        var fault = await Assert.ThrowsAsync<TtrpcStatusException>(
            () => new AgentClient(pair.Client).PrepareAsync(new PrepareRequest(), default, TtrpcPair.Generous));

        Assert.Equal((code, message), (fault.Code, fault.Message));
    }

    [Fact]
    public void Knows_an_agent_by_what_its_details_name()
    {
        var ours = new GuestDetailsResponse { AgentDetails = new AgentDetails { ExtraFeatures = { AgentAbilities.Prepare } } };

        Assert.True(ours.Can(AgentAbilities.Prepare));
        Assert.False(ours.Can(AgentAbilities.Exec));
        Assert.False(new GuestDetailsResponse().Can(AgentAbilities.Prepare));
    }

    private static TtrpcServer Refusing(TtrpcStatusCode code, string message) =>
        new TtrpcServer().AddUnary<PrepareRequest, PrepareResponse>(
            AgentServices.Guest, "Prepare", PrepareRequest.Parser, (_, _) => throw new TtrpcStatusException(code, message));

    private static TtrpcServer AgentServer<T>(string method, MessageParser<T> parser, TaskCompletionSource<T> got) where T : IMessage<T> =>
        new TtrpcServer().AddUnary("grpc.AgentService", method, parser, (T request, CancellationToken _) =>
        {
            got.SetResult(request);
            return ValueTask.FromResult(new Empty());
        });
}
