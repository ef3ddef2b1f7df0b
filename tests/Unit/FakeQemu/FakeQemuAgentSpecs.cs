using System.Text;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using Xunit;

namespace VmCacheCluster.Tests.Unit.FakeQemu;

public sealed class FakeQemuAgentSpecs
{
    [SkippableFact]
    public async Task Answers_what_was_asked_while_paused_when_it_runs()
    {
        using var vm = new FakeVm("", "-S");
        using var qmp = await vm.GreetAsync("qmp");
        await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
        var version = new AgentClient(client).VersionAsync(default);
        Assert.Equal("prelaunch", await qmp.StatusAsync());
        Assert.False(version.IsCompleted);
        await qmp.ExecuteAsync("cont");
        Assert.Equal("fake", (await version.WaitAsync(FakeVm.Generous)).AgentVersion);
    }

    [SkippableTheory]
    [InlineData("", true)]
    [InlineData("agent=not-serving", false)]
    [InlineData("boot-delay=20ms", true)]
    public async Task Says_whether_it_serves(string directive, bool serves)
    {
        using var vm = new FakeVm(directive);
        (await vm.ConnectAsync("qmp")).Dispose();
        await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
        Assert.Equal(serves, await new AgentClient(client).CheckAsync(default, FakeVm.Generous));
    }

    [SkippableFact]
    public async Task Can_be_prepared_as_our_guest_can()
    {
        using var vm = new FakeVm("");
        (await vm.ConnectAsync("qmp")).Dispose();
        await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
        var agent = new AgentClient(client);

        Assert.True((await agent.GetGuestDetailsAsync(default, FakeVm.Generous)).Can(AgentAbilities.Prepare));
        Assert.True((await agent.PrepareAsync(new PrepareRequest(), default, FakeVm.Generous))!.Reseeded);
    }

    [SkippableFact]
    public async Task Breaks_the_connection_when_told_to_send_garbage()
    {
        using var vm = new FakeVm("agent=garbage");
        (await vm.ConnectAsync("qmp")).Dispose();
        await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
        await Assert.ThrowsAsync<TtrpcConnectionException>(() => new AgentClient(client).CheckAsync(default, FakeVm.Generous));
    }

    [SkippableFact]
    public async Task Never_answers_when_told_so()
    {
        using var vm = new FakeVm("agent=never");
        (await vm.ConnectAsync("qmp")).Dispose();
        await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
        await Assert.ThrowsAsync<TtrpcTimeoutException>(() => new AgentClient(client).CheckAsync(default, TimeSpan.FromMilliseconds(100)));
    }

    [SkippableTheory]
    [InlineData("echo a b", "", 0, "a b\n", false)]
    [InlineData("cat", "text", 0, "text", false)]
    [InlineData("false", "", 1, "", false)]
    [InlineData("sleep 100", "", 137, "", true)]
    public async Task Runs_programs(string command, string input, int status, string output, bool timedOut)
    {
        using var vm = new FakeVm("");
        (await vm.ConnectAsync("qmp")).Dispose();
        // Two clients in turn: the channel is free again when the first has left.
        for (var turn = 0; turn < 2; turn++)
        {
            await using var client = await TtrpcClient.ConnectAsync(vm.At("agent"), null, default);
            var start = new ExecStart { Args = { command.Split(' ') }, TimeoutMilliseconds = timedOut ? 20u : 0 };
            var stdout = new MemoryStream();
            var exited = await new AgentClient(client)
                .ExecAsync(start, new MemoryStream(Encoding.UTF8.GetBytes(input)), b => stdout.WriteAsync(b), _ => ValueTask.CompletedTask, default)
                .WaitAsync(FakeVm.Generous);
            Assert.Equal((status, timedOut, output), (exited.Status, exited.TimedOut, Encoding.UTF8.GetString(stdout.ToArray())));
        }
    }
}
