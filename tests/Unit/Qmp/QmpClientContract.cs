using System.Text.Json;
using VmCacheCluster.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qmp;

/// <summary>A monitor to run the contract against: it knows query-status, stop, cont and refuses what it does not know.</summary>
public interface IMonitor : IAsyncDisposable
{
    string Path { get; }
}

/// <summary>What the client does with any monitor; run against the fake peer and against QEMU itself.</summary>
public abstract class QmpClientContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected abstract Task<IMonitor> StartAsync();

    [Fact]
    public async Task Returns_what_the_command_returned()
    {
        await using var monitor = await StartAsync();
        await using var client = await QmpClient.ConnectUnixAsync(monitor.Path);

        var status = await client.ExecuteAsync("query-status");

        Assert.False(status.GetProperty("running").GetBoolean());
    }

    [Fact]
    public async Task Keeps_class_and_words_of_an_error_and_goes_on()
    {
        await using var monitor = await StartAsync();
        await using var client = await QmpClient.ConnectUnixAsync(monitor.Path);

        var refused = await Assert.ThrowsAsync<QmpCommandException>(() => client.ExecuteAsync("no-such-command"));

        Assert.Equal(("no-such-command", "CommandNotFound"), (refused.Command, refused.Class));
        Assert.Contains("no-such-command", refused.Desc, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Object, (await client.ExecuteAsync("query-status")).ValueKind);
    }

    [Fact]
    public async Task Answers_many_commands_at_once()
    {
        await using var monitor = await StartAsync();
        await using var client = await QmpClient.ConnectUnixAsync(monitor.Path);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => client.ExecuteAsync("query-status")));

        Assert.All(answers, answer => Assert.True(answer.TryGetProperty("status", out JsonElement _)));
    }

    [Fact]
    public async Task Sees_stop_and_resume_in_order()
    {
        await using var monitor = await StartAsync();
        await using var client = await QmpClient.ConnectUnixAsync(monitor.Path);

        await client.ExecuteAsync("cont");
        await client.ExecuteAsync("stop");

        Assert.Equal("RESUME", (await client.Events.ReadAsync().AsTask().WaitAsync(Patience)).Name);
        Assert.Equal("STOP", (await client.Events.ReadAsync().AsTask().WaitAsync(Patience)).Name);
    }

    [Fact]
    public async Task Sends_arguments()
    {
        await using var monitor = await StartAsync();
        await using var client = await QmpClient.ConnectUnixAsync(monitor.Path);

        await client.ExecuteAsync("set-action", static json => json.WriteString("shutdown", "poweroff"));
        var refused = await Assert.ThrowsAsync<QmpCommandException>(
            () => client.ExecuteAsync("set-action", static json => json.WriteString("shutdown", "no-such-action")));

        Assert.Contains("no-such-action", refused.Desc, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Says_that_a_monitor_is_occupied_when_it_sends_no_greeting()
    {
        await using var monitor = await StartAsync();
        await using var first = await QmpClient.ConnectUnixAsync(monitor.Path);

        var timeout = await Assert.ThrowsAsync<QmpTimeoutException>(() => QmpClient.ConnectUnixAsync(
            monitor.Path, new QmpOptions { GreetingDeadline = TimeSpan.FromMilliseconds(200) }));

        Assert.Contains("occupied", timeout.Message, StringComparison.Ordinal);
        Assert.Contains(monitor.Path, timeout.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lets_the_next_client_in_when_it_is_disposed()
    {
        await using var monitor = await StartAsync();
        await using (await QmpClient.ConnectUnixAsync(monitor.Path))
        {
        }

        await using var second = await QmpClient.ConnectUnixAsync(monitor.Path);

        Assert.Equal(JsonValueKind.Object, (await second.ExecuteAsync("query-status")).ValueKind);
    }

    [Fact]
    public async Task Refuses_commands_after_it_was_closed()
    {
        await using var monitor = await StartAsync();
        var client = await QmpClient.ConnectUnixAsync(monitor.Path);
        await client.DisposeAsync();

        await Assert.ThrowsAsync<QmpDisconnectedException>(() => client.ExecuteAsync("query-status"));
        Assert.True(client.Closed.IsCompletedSuccessfully);
    }
}
