using System.Net.Sockets;
using VmCacheCluster.Agent;
using Xunit;
using static VmCacheCluster.Tests.Qemu.Guest.GuestPrograms;

namespace VmCacheCluster.Tests.Qemu.Guest;

[Trait("Category", "Qemu")]
[Collection(GuestCollection.Name)]
public sealed class GuestPortSpecs(BootedGuest guest)
{
    // A request frame's header that announces 200 bytes, and a few of them.
    private static readonly byte[] HalfAFrame = [0, 0, 0, 200, 0, 0, 0, 1, 1, 0, 10, 11, 12];

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(100_000)]
    public async Task Serves_the_next_client_when_one_sent_garbage(int length)
    {
        var garbage = new byte[length];
        new Random(length).NextBytes(garbage);
        using (var socket = await guest.ConnectRawAsync()) await socket.SendAsync(garbage);

        await AssertServesAsync();
    }

    [Fact]
    public async Task Serves_the_same_connection_again_when_garbage_was_followed_by_quiet()
    {
        using var socket = await guest.ConnectRawAsync();
        await socket.SendAsync(Enumerable.Repeat((byte)0xEE, 5000).ToArray());

        // How long the agent takes to throw the garbage away is not to be seen from here: ask until it answers.
        var stream = new NetworkStream(socket);
        await using var client = new TtrpcClient(stream);
        await AssertAnswersAsync(client);
    }

    [Fact]
    public async Task Serves_the_next_client_when_one_left_in_the_middle_of_a_frame()
    {
        using (var socket = await guest.ConnectRawAsync()) await socket.SendAsync(HalfAFrame);

        await AssertServesAsync();
    }

    [Fact]
    public async Task Serves_the_next_client_when_one_left_in_the_middle_of_an_answer()
    {
        using (var socket = await guest.ConnectRawAsync())
        {
            socket.ReceiveBufferSize = 4096;
            var client = new TtrpcClient(new NetworkStream(socket), new TtrpcClientOptions { StreamBuffer = 1 });
            var begun = new TaskCompletionSource();
            var never = new TaskCompletionSource();
            var run = new AgentClient(client).ExecAsync(
                Start("yes", "tremendously"), null, _ =>
                {
                    begun.TrySetResult();
                    return new ValueTask(never.Task);
                }, _ => ValueTask.CompletedTask, CancellationToken.None);
            await begun.Task.WaitAsync(BootedGuest.Patience);
            await client.DisposeAsync();
            never.SetResult();
            await Assert.ThrowsAsync<TtrpcConnectionException>(() => run);
        }

        Assert.True(await guest.EndsAsync("yes tremendously"));
    }

    [Fact]
    public async Task Serves_the_next_client_when_one_left_while_a_program_did_not_take_its_input()
    {
        var client = await guest.ConnectAsync();
        var begun = new TaskCompletionSource();
        var run = new AgentClient(client).ExecAsync(
            Start("sh", "-c", "echo begun; sleep 6543"),
            new MemoryStream(new byte[20_000_000]),
            _ =>
            {
                begun.TrySetResult();
                return ValueTask.CompletedTask;
            },
            _ => ValueTask.CompletedTask,
            CancellationToken.None);
        await begun.Task.WaitAsync(BootedGuest.Patience);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => run);

        await AssertServesAsync();
        Assert.True(await guest.EndsAsync("sleep 6543"));
    }

    [Fact]
    public async Task Serves_every_client_when_fifty_come_and_go()
    {
        for (var i = 0; i < 50; i++)
        {
            await using var client = await guest.ConnectAsync();
            Assert.True(await new AgentClient(client).CheckAsync(CancellationToken.None));
        }
    }

    [Fact]
    public async Task Serves_the_new_client_when_clients_changed_while_it_was_paused()
    {
        using (var old = await guest.ConnectRawAsync())
        {
            await old.SendAsync(HalfAFrame);
            await guest.QmpAsync("stop");
        }

        await using var client = await guest.ConnectAsync();
        await guest.QmpAsync("cont");

        await AssertAnswersAsync(client);
    }

    [Fact]
    public async Task Ends_the_program_of_a_client_when_the_next_ones_request_comes_without_its_leaving_being_seen()
    {
        using var socket = await guest.ConnectRawAsync();
        var begun = new TaskCompletionSource();
        var old = new TtrpcClient(new NetworkStream(socket), new TtrpcClientOptions { FirstStreamId = 1_000_001 });
        var run = new AgentClient(old).ExecAsync(
            Start("sh", "-c", "echo begun; sleep 7531"), null, _ =>
            {
                begun.TrySetResult();
                return ValueTask.CompletedTask;
            }, _ => ValueTask.CompletedTask, CancellationToken.None);
        await begun.Task.WaitAsync(BootedGuest.Patience);
        await old.DisposeAsync();
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => run);

        // The same connection goes on: only the count that begins again tells the guest.
        await using var next = new TtrpcClient(new NetworkStream(socket), new TtrpcClientOptions { FirstStreamId = 1 });
        for (var i = 0; i < 2; i++) Assert.True(await new AgentClient(next).CheckAsync(CancellationToken.None, BootedGuest.Patience));

        // Before programs are run: the end of their streams comes after their exit, when nobody waits for it any more.
        Assert.Equal(0, next.IgnoredFrames);
        Assert.True(await next.BecomesAsync("ps | grep -c '[s]leep 7531'", "0"));
    }

    private async Task AssertServesAsync()
    {
        await using var client = await guest.ConnectAsync();
        await AssertAnswersAsync(client);
    }

    private static async Task AssertAnswersAsync(TtrpcClient client)
    {
        using var deadline = new CancellationTokenSource(BootedGuest.Patience);
        while (true)
        {
            try
            {
                Assert.True(await new AgentClient(client).CheckAsync(deadline.Token, TimeSpan.FromSeconds(1)));
                return;
            }
            catch (TtrpcTimeoutException)
            {
                // Swallowed with the rest of a frame; the next one is heard.
            }
        }
    }
}
