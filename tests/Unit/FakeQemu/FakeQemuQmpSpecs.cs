using Xunit;

namespace VmCacheCluster.Tests.Unit.FakeQemu;

public sealed class FakeQemuQmpSpecs
{
    [SkippableFact]
    public async Task Echoes_ids_and_answers_in_order_when_commands_come_in_one_write()
    {
        using var vm = new FakeVm("", "-S");
        using var qmp = await vm.GreetAsync("qmp");
        await qmp.SendAsync("""{"execute":"query-name","id":{"n":[1]}}{"execute":"none","id":"x"} nonsense""" + "\n" + """{"execute":"query-kvm"}""");
        var name = await qmp.ReadAsync();
        Assert.Equal("""{"n":[1]}""", name.GetProperty("id").GetRawText());
        Assert.Equal("vm-1", name.GetProperty("return").GetProperty("name").GetString());
        var unknown = await qmp.ReadAsync();
        Assert.Equal(("x", "CommandNotFound"), (unknown.GetProperty("id").GetString(), unknown.GetProperty("error").GetProperty("class").GetString()));
        Assert.Equal("GenericError", (await qmp.ReadAsync()).GetProperty("error").GetProperty("class").GetString());
        Assert.True((await qmp.ReadAsync()).TryGetProperty("return", out _));
    }

    [SkippableFact]
    public async Task Tells_both_monitors_of_changes_and_of_its_end()
    {
        using var vm = new FakeVm("", "-S");
        using var qmp = await vm.GreetAsync("qmp");
        using var supervisor = await vm.GreetAsync("supervisor");
        Assert.Equal("prelaunch", await qmp.StatusAsync());
        await qmp.SendAsync("""{"execute":"cont"}{"execute":"cont"}{"execute":"stop"}{"execute":"stop"}""");
        foreach (var wanted in new[] { "RESUME", "STOP" }) Assert.Equal(wanted, await supervisor.EventAsync());
        Assert.Equal("paused", await supervisor.StatusAsync());
        await supervisor.ExecuteAsync("quit");
        Assert.Equal("host-qmp-quit", (await supervisor.ReadAsync()).GetProperty("data").GetProperty("reason").GetString());
        Assert.True(await supervisor.EndedAsync());
        Assert.Equal((0, ""), await vm.ExitAsync());
        Assert.False(File.Exists(vm.At("pid")));
        Assert.False(File.Exists(vm.At("qmp")));
    }

    [SkippableFact]
    public async Task Answers_the_second_client_only_when_the_first_has_left()
    {
        using var vm = new FakeVm("", "-S");
        var first = await vm.GreetAsync("qmp");
        using var second = await vm.ConnectAsync("qmp");
        var greeting = second.LineAsync();
        Assert.Equal("prelaunch", await first.StatusAsync());
        Assert.False(greeting.IsCompleted);
        first.Dispose();
        Assert.Contains("QMP", await greeting.WaitAsync(FakeVm.Generous));
    }

    [SkippableFact]
    public async Task Gives_the_console_once_when_it_is_read()
    {
        using var vm = new FakeVm("console=one\\ntwo", "-S");
        using var qmp = await vm.GreetAsync("qmp");
        const string arguments = """{"device": "console", "size": 65536}""";
        Assert.Equal("one\ntwo\n", (await qmp.ExecuteAsync("ringbuf-read", arguments)).GetProperty("return").GetString());
        Assert.Equal("", (await qmp.ExecuteAsync("ringbuf-read", arguments)).GetProperty("return").GetString());
    }

    [SkippableFact]
    public async Task Stays_with_status_shutdown_when_the_guest_panics_under_no_shutdown()
    {
        using var vm = new FakeVm("panic-after=0ms", "-S", "-no-reboot", "-no-shutdown");
        using var qmp = await vm.GreetAsync("qmp");
        await qmp.SendAsync("""{"execute":"cont"}""");
        var events = new List<string>();
        // Four events and the answer, which comes wherever the panic lets it.
        for (var lines = 0; lines < 5; lines++)
            if ((await qmp.ReadAsync()).TryGetProperty("event", out var name)) events.Add(name.GetString()!);
        Assert.Equal(["RESUME", "GUEST_PANICKED", "SHUTDOWN", "STOP"], events);
        Assert.Equal("shutdown", await qmp.StatusAsync());
        Assert.True((await qmp.ExecuteAsync("cont")).TryGetProperty("error", out _));
    }
}
