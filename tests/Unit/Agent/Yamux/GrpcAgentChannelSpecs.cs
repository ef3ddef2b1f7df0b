using VmCacheCluster.Agent;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Yamux;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent.Yamux;

public sealed class GrpcAgentChannelSpecs : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30), Brief = TimeSpan.FromMilliseconds(200);
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmy");
    private FirstAgent _peer = null!;

    private string Path => System.IO.Path.Combine(_directory.FullName, "kata.sock");

    public async Task InitializeAsync() => _peer = await FirstAgent.StartAsync(Path);

    public async Task DisposeAsync()
    {
        await _peer.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Makes_the_calls_that_a_cache_needs()
    {
        await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
        var agent = new AgentClient(channel);

        Assert.True(await agent.CheckAsync(default, Long));
        Assert.Equal("1.13.0", (await agent.VersionAsync(default, Long)).AgentVersion);
        await agent.ReseedRandomDevAsync(new byte[512], default, Long);
        await agent.SetGuestDateTimeAsync(DateTimeOffset.UtcNow, default, Long);
        await agent.OnlineCpuMemAsync(wait: false, 2, cpuOnly: false, default, Long);
        Assert.Equal(128ul << 20, (await agent.GetGuestDetailsAsync(default, Long)).MemBlockSizeBytes);

        Assert.Equal(512, _peer.Entropy);
        Assert.Equal(
            ["grpc.Health/Check", "grpc.Health/Version", "grpc.AgentService/ReseedRandomDev", "grpc.AgentService/SetGuestDateTime", "grpc.AgentService/OnlineCPUMem", "grpc.AgentService/GetGuestDetails"],
            _peer.Calls);
        Assert.Null(await agent.PrepareAsync(new VmCacheCluster.Agent.Guest.PrepareRequest(), default, Long));
        Assert.False(channel.Closed.IsCompleted);
    }

    [Fact]
    public async Task Is_told_that_it_does_not_serve_and_what_it_refuses()
    {
        (_peer.Serves, _peer.Refusal) = (false, "no /dev/random");
        await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
        var agent = new AgentClient(channel);

        Assert.False(await agent.CheckAsync(default, Long));
        var refused = await Assert.ThrowsAsync<TtrpcStatusException>(() => agent.ReseedRandomDevAsync(new byte[512], default, Long));
        Assert.Equal((TtrpcStatusCode.Internal, "no /dev/random"), (refused.Code, refused.Message));
    }

    [Fact]
    public async Task Waits_no_longer_than_it_may_for_a_guest_that_is_paused()
    {
        _peer.Paused = true;
        await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
        var agent = new AgentClient(channel);

        await Assert.ThrowsAsync<TtrpcTimeoutException>(() => agent.CheckAsync(default, Brief));
        using var cancel = new CancellationTokenSource();
        var asking = agent.CheckAsync(cancel.Token, Long);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        _peer.Paused = false;
        Assert.True(await agent.CheckAsync(default, Long));
    }

    [Fact]
    public async Task Says_that_the_connection_is_gone_when_it_breaks_in_a_call()
    {
        _peer.HangsUp = true;
        await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);

        await Assert.ThrowsAsync<TtrpcConnectionException>(() => new AgentClient(channel).CheckAsync(default, Long));
        await channel.Closed.WaitAsync(Long);
        Assert.Contains("cannot connect to", (await Assert.ThrowsAsync<TtrpcConnectionException>(() => GrpcAgentChannel.ThroughYamuxAsync(Path + "x", default))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_so_when_what_answers_is_not_yamux()
    {
        _peer.Garbage = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);

        Assert.Contains("not yamux", (await Assert.ThrowsAsync<TtrpcConnectionException>(() => new AgentClient(channel).CheckAsync(default, Long))).Message, StringComparison.Ordinal);
    }

    /// <summary>What the agent would still say of them, the channel's next client would take for its own.</summary>
    [Fact]
    public async Task Leaves_no_stream_open_when_it_lets_go()
    {
        for (var i = 0; i < 10; i++)
        {
            await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
            Assert.True(await new AgentClient(channel).CheckAsync(default, Long));
        }

        await Eventually.Async(() => _peer.Cut.Count == 10, "the agent has seen the end of each session");
        Assert.All(_peer.Cut, open => Assert.Equal(0, open));
    }

    /// <summary>A guest that is paused ends nothing.</summary>
    [Fact]
    public async Task Lets_go_of_an_agent_that_is_silent()
    {
        _peer.Paused = true;
        var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
        await Assert.ThrowsAsync<TtrpcTimeoutException>(() => new AgentClient(channel).CheckAsync(default, Brief));

        await channel.DisposeAsync().AsTask().WaitAsync(Long);

        await Eventually.Async(() => _peer.Cut.Count == 1, "the agent has seen the session's end");
    }

    /// <summary>A cache checks, lets go, and the client comes next.</summary>
    [Fact]
    public async Task Lets_one_session_come_after_another()
    {
        for (var i = 0; i < 3; i++)
        {
            await using var channel = await GrpcAgentChannel.ThroughYamuxAsync(Path, default);
            Assert.True(await new AgentClient(channel).CheckAsync(default, Long));
        }
    }
}
