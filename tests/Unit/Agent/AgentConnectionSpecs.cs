using System.Net.Sockets;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Kata;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Agent;

public sealed class AgentConnectionSpecs : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("vmc-agent-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private string Path => System.IO.Path.Combine(_directory, "agent.sock");

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Gives_the_connection_with_the_answer()
    {
        Listen();
        var opening = OpenAsync(TtrpcPair.Generous);
        await using var connection = await AcceptAsync();
        _ = Agent().ServeAsync(connection, default);

        var (channel, version) = await opening;

        await using var opened = channel;
        Assert.Equal("1.2.3", version.AgentVersion);
        Assert.True(await new AgentClient(channel).CheckAsync(default, TtrpcPair.Generous));
    }

    [Fact]
    public async Task Asks_on_a_new_connection_when_the_first_request_was_lost()
    {
        Listen();
        var opening = OpenAsync(TtrpcPair.Generous);
        await using var deaf = await AcceptAsync();
        await using var connection = await AcceptAsync();
        _ = Agent().ServeAsync(connection, default);

        var (channel, _) = await opening;

        await channel.DisposeAsync();
    }

    [Fact]
    public async Task Asks_on_a_new_connection_when_the_first_was_ended_by_garbage()
    {
        Listen();
        var opening = OpenAsync(TtrpcPair.Generous);
        await using (var garbled = await AcceptAsync()) await garbled.WriteAsync(Enumerable.Repeat((byte)0xEE, 100).ToArray());
        await using var connection = await AcceptAsync();
        _ = Agent().ServeAsync(connection, default);

        var (channel, _) = await opening;

        await channel.DisposeAsync();
    }

    [Fact]
    public async Task Asks_on_a_new_connection_when_the_first_was_reset()
    {
        Listen();
        var opening = OpenAsync(TtrpcPair.Generous);
        using (var reset = await _listener.AcceptAsync())
        {
            // What is closed unread resets its peer.
            await Eventually.Async(() => reset.Available > 0, "the question is there");
        }

        await using var connection = await AcceptAsync();
        _ = Agent().ServeAsync(connection, default);

        var (channel, _) = await opening;

        await channel.DisposeAsync();
    }

    [Fact]
    public async Task Says_that_there_was_no_answer_when_nobody_takes_the_connections_up()
    {
        Listen();

        // The questions fill the listener's queue, and what follows them is refused for the time being.
        await Assert.ThrowsAsync<TtrpcTimeoutException>(() => OpenAsync(TimeSpan.FromMilliseconds(1500)));
    }

    [Theory]
    // Half of a header, and no more.
    [InlineData(new byte[] { 0, 0, 0, 9, 0 }, "its answer has begun and is not complete: 5 of 10 bytes of its header have come")]
    // A whole one, and two bytes of what it announces.
    [InlineData(new byte[] { 0, 0, 0, 9, 0, 0, 0, 1, 2, 0, 7, 7 }, "its answer has begun and is not complete: 2 of 9 bytes have come")]
    [InlineData(new byte[] { 0x7f, 0, 0, 0, 0, 0, 0, 1, 2, 0 }, "a frame announces 2130706432 bytes")]
    public async Task Says_what_came_instead_of_an_answer(byte[] bytes, string reason)
    {
        Listen();
        using var over = new CancellationTokenSource();
        var answering = AnswerAllAsync(bytes, over.Token);

        var fault = await Assert.ThrowsAnyAsync<TtrpcException>(() => OpenAsync(TimeSpan.FromMilliseconds(1500)));

        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        await over.CancelAsync();
        await answering;
    }

    /// <summary>The deadline of whoever waits is not the agent's: what was wrong until then is told all the same.</summary>
    [Fact]
    public async Task Says_what_was_wrong_when_it_is_given_up()
    {
        Listen();
        using var over = new CancellationTokenSource();
        using var asker = new CancellationTokenSource();
        var answers = 0;
        // At the second answer, so that the first one's fault is known. Each answer that set a deadline would put it off.
        var answering = AnswerAllAsync([0x7f, 0, 0, 0, 0, 0, 0, 1, 2, 0], over.Token, () => { if (++answers == 2) asker.Cancel(); });

        var fault = await Assert.ThrowsAnyAsync<TtrpcException>(() => OpenAsync(TtrpcPair.Generous, asker.Token));

        Assert.Contains("a frame announces 2130706432 bytes", fault.Message, StringComparison.Ordinal);
        Assert.Contains("it was given up", fault.Message, StringComparison.Ordinal);
        await over.CancelAsync();
        await answering;
    }

    [Fact]
    public async Task Fails_at_once_when_nobody_listens()
    {
        var fault = await Assert.ThrowsAsync<TtrpcConnectionException>(() => OpenAsync(Timeout.InfiniteTimeSpan + TimeSpan.FromDays(1)));

        Assert.Contains(Path, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fails_at_once_when_the_agent_answers_with_an_error()
    {
        Listen();
        var opening = OpenAsync(TtrpcPair.Generous);
        await using var connection = await AcceptAsync();
        _ = new TtrpcServer().ServeAsync(connection, default);

        await Assert.ThrowsAsync<TtrpcStatusException>(() => opening);
    }

    [Fact]
    public async Task Stops_when_it_is_cancelled()
    {
        Listen();
        using var cancel = new CancellationTokenSource();
        var opening = OpenAsync(TtrpcPair.Generous, cancel.Token);
        await using var deaf = await AcceptAsync();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
    }

    private static TtrpcServer Agent() => new TtrpcServer()
        .AddUnary(AgentServices.Health, "Version", CheckRequest.Parser, (_, _) =>
            ValueTask.FromResult(new VersionCheckResponse { AgentVersion = "1.2.3" }))
        .AddUnary(AgentServices.Health, "Check", CheckRequest.Parser, (_, _) =>
            ValueTask.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving }));

    private void Listen()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(1);
    }

    private async Task<NetworkStream> AcceptAsync() =>
        new(await _listener.AcceptAsync().WaitAsync(TtrpcPair.Generous), ownsSocket: true);

    /// <summary>Every connection is answered alike, and held.</summary>
    private async Task AnswerAllAsync(byte[] bytes, CancellationToken over, Action? answered = null)
    {
        var all = new List<Socket>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync(over);
                all.Add(socket);
                await socket.SendAsync(bytes, SocketFlags.None, over);
                answered?.Invoke();
            }
        }
        catch (OperationCanceledException)
        {
            all.ForEach(s => s.Dispose());
        }
        catch (SocketException)
        {
            // The asker left first.
            all.ForEach(s => s.Dispose());
        }
    }

    private Task<(IAgentChannel Channel, VersionCheckResponse Answer)> OpenAsync(TimeSpan limit, CancellationToken cancel = default) =>
        AgentConnection.OpenAsync(async token => await TtrpcClient.ConnectAsync(Path, null, token), (agent, timeout) => agent.VersionAsync(cancel, timeout), limit, cancel);

    [Theory]
    [InlineData("vsock://three:1024", "it is not vsock://CID:PORT")]
    [InlineData("vsock://3", "it is not vsock://CID:PORT")]
    // The context id of the hypervisor itself, where no agent is: it is refused, or nobody answers, or the host has no vsock.
    [InlineData("vsock://0:1024", "cannot connect to vsock://0:1024: ")]
    public async Task Says_why_no_agent_is_reached_on_the_vsock_bus(string address, string why)
        => Assert.Contains(why, (await Assert.ThrowsAsync<TtrpcConnectionException>(() => TtrpcClient.ConnectAsync(address, null, default))).Message, StringComparison.Ordinal);
}
