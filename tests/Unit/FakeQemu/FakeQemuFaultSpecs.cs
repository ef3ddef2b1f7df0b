using System.Diagnostics;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.FakeQemu;

public sealed class FakeQemuFaultSpecs
{
    [SkippableFact]
    public async Task Says_its_version()
    {
        using var process = Process.Start(new ProcessStartInfo(FakeQemuBinary.PathOrSkip(), "--version") { RedirectStandardOutput = true })!;
        Assert.Equal("QEMU emulator version 7.2.22 (FakeQemu)\n", await process.StandardOutput.ReadToEndAsync());
    }

    [SkippableTheory]
    [InlineData("exit-at-start=7:no memory", 7, "no memory")]
    [InlineData("explode=now", 2, "fake-qemu: directive 'explode=now': unknown directive")]
    [InlineData("boot-delay=soon", 2, "fake-qemu: directive 'boot-delay=soon': 'soon' is no duration such as 200ms or 3s")]
    [InlineData("exit-after=1ms:5", 5, "")]
    public async Task Ends_as_told(string directive, int status, string error)
    {
        using var vm = new FakeVm(directive, "-S");
        Assert.Equal((status, error), await vm.ExitAsync());
    }

    [SkippableFact]
    public async Task Fails_and_ends_on_the_commands_it_was_told()
    {
        using var vm = new FakeVm("fail-on=stop:not today\nexit-on=query-version");
        using var qmp = await vm.GreetAsync("qmp");
        Assert.Equal("not today", (await qmp.ExecuteAsync("stop")).GetProperty("error").GetProperty("desc").GetString());
        await qmp.SendAsync("""{"execute":"query-version"}""");
        Assert.True(await qmp.EndedAsync());
        Assert.Equal((1, ""), await vm.ExitAsync());
    }

    [SkippableFact]
    public async Task Hangs_that_monitor_alone_when_told_to()
    {
        using var vm = new FakeVm("hang-on=stop");
        using var qmp = await vm.GreetAsync("qmp");
        using var supervisor = await vm.GreetAsync("supervisor");
        await qmp.SendAsync("""{"execute":"stop"}{"execute":"query-status"}""");
        var answer = qmp.LineAsync();
        Assert.Equal("running", await supervisor.StatusAsync());
        Assert.False(answer.IsCompleted);
    }

    [SkippableTheory]
    [InlineData("greeting=never", null)]
    [InlineData("qmp=garbage", "no QMP")]
    public async Task Greets_wrongly_when_told_to(string directive, string? text)
    {
        using var vm = new FakeVm(directive, "-S");
        using var qmp = await vm.ConnectAsync("qmp");
        var line = qmp.LineAsync();
        if (text is not null) Assert.Contains(text, await line.WaitAsync(FakeVm.Generous));
        else Assert.False(line.IsCompleted);
    }

    [SkippableTheory]
    [InlineData("", false)]
    [InlineData("ignore-sigterm", true)]
    public async Task Ends_on_sigterm_unless_told_to_ignore_it(string directive, bool ignores)
    {
        using var vm = new FakeVm(directive);
        using var qmp = await vm.GreetAsync("qmp");
        using var kill = Process.Start("kill", ["-TERM", $"{vm.Process.Id}"]);
        await kill.WaitForExitAsync();
        if (ignores)
        {
            Assert.Equal("running", await qmp.StatusAsync());
            return;
        }
        Assert.Equal("host-signal", (await qmp.ReadAsync()).GetProperty("data").GetProperty("reason").GetString());
        Assert.Equal(0, (await vm.ExitAsync()).Status);
    }
}
