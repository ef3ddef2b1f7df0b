using System.Text;
using VmCacheCluster.Qmp;
using VmCacheCluster.Tests.TestSupport.Qmp;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qmp;

/// <summary>What no healthy monitor does, and a broken or slow one may.</summary>
public sealed class QmpClientSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Matches_replies_that_come_out_of_order()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var first = client.ExecuteAsync("first");
        var a = await connection.ReceiveAsync();
        var second = client.ExecuteAsync("second");
        var b = await connection.ReceiveAsync();

        await connection.SendAsync(b.Return("2") + a.Return("1"));

        Assert.Equal(1, (await first.WaitAsync(Patience)).GetInt32());
        Assert.Equal(2, (await second.WaitAsync(Patience)).GetInt32());
    }

    [Fact]
    public async Task Reads_a_reply_that_comes_byte_by_byte_and_two_that_come_at_once()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var split = client.ExecuteAsync("split");
        foreach (var single in Encoding.UTF8.GetBytes((await connection.ReceiveAsync()).Return("\"größe\"")))
            await connection.SendAsync(new[] { single });
        Assert.Equal("größe", (await split.WaitAsync(Patience)).GetString());

        var one = client.ExecuteAsync("one");
        var a = await connection.ReceiveAsync();
        var two = client.ExecuteAsync("two");
        var b = await connection.ReceiveAsync();
        await connection.SendAsync("\r\n" + a.Return("1") + """{"event": "STOP"}""" + "\n" + b.Return("2"));

        Assert.Equal(1, (await one.WaitAsync(Patience)).GetInt32());
        Assert.Equal(2, (await two.WaitAsync(Patience)).GetInt32());
        Assert.Equal("STOP", (await client.Events.ReadAsync().AsTask().WaitAsync(Patience)).Name);
    }

    [Fact]
    public async Task Counts_a_late_reply_and_goes_on()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var slow = client.ExecuteAsync("slow", deadline: TimeSpan.FromMilliseconds(50));
        var late = await connection.ReceiveAsync();
        var timeout = await Assert.ThrowsAsync<QmpTimeoutException>(() => slow.WaitAsync(Patience));
        Assert.Equal("slow", timeout.What);

        await connection.SendAsync(late.Return("{}") + """{"error": {"class": "GenericError", "desc": "JSON parse error"}}""" + "\n");
        var next = client.ExecuteAsync("next");
        await connection.AnswerAsync("next", "7");

        Assert.Equal(7, (await next.WaitAsync(Patience)).GetInt32());
        Assert.Equal(2, client.StrayReplies);
    }

    [Fact]
    public async Task Ends_the_wait_when_cancelled_and_goes_on()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        using var cancel = new CancellationTokenSource();
        var given = client.ExecuteAsync("given-up", cancel: cancel.Token);
        await connection.ReceiveAsync();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.WaitAsync(Patience));
        Assert.False(client.Closed.IsCompleted);
    }

    [Fact]
    public async Task Keeps_the_events_that_matter_when_the_guest_floods_the_monitor()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var flood = new StringBuilder("""{"event": "STOP"}""").Append('\n');
        for (var i = 0; i < 20_000; i++) flood.Append("""{"event": "RTC_CHANGE", "data": {"offset": 1}}""").Append('\n');
        flood.Append("""{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}""").Append('\n');

        await connection.SendAsync(flood.ToString());
        connection.Dispose();

        var seen = new List<QmpEvent>();
        await foreach (var happened in client.Events.ReadAllAsync()) seen.Add(happened);
        Assert.Equal(["STOP", "SHUTDOWN"], seen.Select(e => e.Name));
        Assert.Equal(("guest-reset", true), (seen[1].Text("reason"), seen[1].Flag("guest")));
        Assert.Equal(0, client.DroppedEvents);
    }

    [Fact]
    public async Task Drops_and_counts_the_oldest_event_when_nobody_reads()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer, new QmpOptions { EventCapacity = 2 });
        await using var _ = client;
        using var __ = connection;

        await connection.SendAsync("""{"event": "STOP"}""" + "\n" + """{"event": "RESUME"}""" + "\n" + """{"event": "SHUTDOWN"}""" + "\n");
        connection.Dispose();
        await client.Closed.WaitAsync(Patience);

        Assert.Equal("RESUME", (await client.Events.ReadAsync()).Name);
        Assert.Equal("SHUTDOWN", (await client.Events.ReadAsync()).Name);
        Assert.Equal(1, client.DroppedEvents);
    }

    [Theory]
    [InlineData("garbage\n", "not JSON")]
    [InlineData("[1]\n", "not one JSON object")]
    [InlineData("{} {}\n", "not")]
    public async Task Ends_the_connection_when_the_monitor_sends_garbage(string sent, string said)
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var waiting = client.ExecuteAsync("stop");
        await connection.ReceiveAsync();

        await connection.SendAsync(sent);

        var ended = await Assert.ThrowsAsync<QmpDisconnectedException>(() => waiting.WaitAsync(Patience));
        Assert.Contains(said, ended.Message, StringComparison.Ordinal);
        Assert.Contains("'stop' was not answered", ended.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\u00ff\u00fe")]
    [InlineData("\\ud800")]
    [InlineData("x\\udc00y")]
    public async Task Ends_the_connection_and_says_why_when_text_is_no_unicode(string text)
    {
        foreach (var line in new[]
        {
            $$$"""{"event": "SHUTDOWN", "data": {"guest": true, "reason": "{{{text}}}"}}""",
            $$$"""{"event": "SHUTDOWN", "data": {"a": [{"{{{text}}}": 1}]}}""",
            $$$"""{"event": "{{{text}}}"}""",
        })
        {
            await using var peer = new FakeQmpPeer();
            var (client, connection) = await ConnectAsync(peer);
            await using var _ = client;
            using var __ = connection;

            await connection.SendAsync(Encoding.Latin1.GetBytes(line + "\n"));

            Assert.Contains("no Unicode", await client.Closed.WaitAsync(Patience), StringComparison.Ordinal);
            Assert.Empty(await client.Events.ReadAllAsync().ToListAsync());
        }
    }

    [Theory]
    [InlineData("""{"event": "GUEST_CRASHLOADED"}""")]
    [InlineData("""{"return": {}, "id": 4711}""")]
    public async Task Ends_the_connection_when_it_goes_on_and_on_with_what_nobody_waits_for(string line)
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        using var __ = connection;
        var chunk = string.Concat(Enumerable.Repeat(line + "\n", 1000));

        for (var i = 0; i < 100 && !client.Closed.IsCompleted; i++)
        {
            try
            {
                await connection.SendAsync(chunk);
            }
            catch (IOException)
            {
                break;
            }
        }

        Assert.Contains("nobody waits for", await client.Closed.WaitAsync(Patience), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ends_the_connection_when_a_line_is_too_long()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer, new QmpOptions { MaxLineBytes = 4096 });
        await using var _ = client;
        using var __ = connection;

        await connection.SendAsync(new string('x', 5000));

        Assert.Contains("more than 4096 bytes", await client.Closed.WaitAsync(Patience), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fails_what_waits_when_the_monitor_leaves()
    {
        await using var peer = new FakeQmpPeer();
        var (client, connection) = await ConnectAsync(peer);
        await using var _ = client;
        var waiting = client.ExecuteAsync("stop");
        await connection.ReceiveAsync();

        connection.Dispose();

        await Assert.ThrowsAsync<QmpDisconnectedException>(() => waiting.WaitAsync(Patience));
        await client.Closed.WaitAsync(Patience);
        await Assert.ThrowsAsync<QmpDisconnectedException>(() => client.ExecuteAsync("stop"));
    }

    [Fact]
    public async Task Says_that_it_is_no_monitor_when_the_greeting_is_something_else()
    {
        await using var peer = new FakeQmpPeer();
        var connecting = QmpClient.ConnectUnixAsync(peer.Path);
        using var connection = await peer.AcceptAsync();

        await connection.SendAsync("SSH-2.0-OpenSSH\r\n");

        var fault = await Assert.ThrowsAsync<QmpDisconnectedException>(() => connecting.WaitAsync(Patience));
        Assert.Contains("no QMP monitor", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_the_socket_when_nobody_listens()
    {
        var fault = await Assert.ThrowsAsync<QmpDisconnectedException>(() => QmpClient.ConnectUnixAsync("/nowhere/qmp.sock"));
        Assert.Contains("/nowhere/qmp.sock", fault.Message, StringComparison.Ordinal);
    }

    private static async Task<(QmpClient, FakeQmpConnection)> ConnectAsync(FakeQmpPeer peer, QmpOptions? options = null)
    {
        var connecting = QmpClient.ConnectUnixAsync(peer.Path, options);
        var connection = await peer.AcceptGreetedAsync();
        return (await connecting.WaitAsync(Patience), connection);
    }
}
