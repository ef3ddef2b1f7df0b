using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>VMs that came up well and then misbehave, and clients that do.</summary>
[Trait("Category", "Fake")]
public sealed class FaultyVmSpecs : HouseSpecs
{
    [Fact]
    public async Task Kills_a_qemu_that_neither_quits_nor_heeds_sigterm()
    {
        var daemon = House.Start($$"""
            {{House.Fakes(1, "hang-on=quit", "ignore-sigterm")}}
            stop { quit = 200ms, term = 200ms, kill = 10s }
            """);
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);

        await daemon.Client.ReleaseAsync(vm.Id, HandedOut.Timeout);

        Assert.False(Processes.IsAlive(vm.Pid));
        Assert.DoesNotContain(vm.Id, House.VmDirectories());
    }

    [Fact]
    public async Task Gives_back_the_vm_and_says_why_when_it_cannot_be_resumed()
    {
        var daemon = House.Start(House.Fakes(1, "fail-on=cont:the clutch is gone"));
        await daemon.WarmAsync();

        var run = await CliRun.Async(House.Endpoint, "get-base-vm", "--resume");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the clutch is gone", run.Error, StringComparison.Ordinal);
        Assert.Contains("released", run.Error, StringComparison.Ordinal);
        await daemon.PoolAsync(p => p is { Leased: 0, Warm: 1, Warming: 0 }, "the pool is full again");
    }

    [Fact]
    public async Task Takes_a_vm_out_of_the_pool_when_somebody_resumed_it_there()
    {
        var daemon = House.Start(House.Fakes(1));
        var vm = (await daemon.WarmAsync()).Pools[0].Vms[0];

        await HandedOut.ResumeAsync(vm);

        var status = await daemon.PoolAsync(p => p is { Warm: 1, Warming: 0 } && p.Vms.All(v => v.Id != vm.Id), "another is warm");
        Assert.Contains(status.Pools[0].Events, e => e.Vm == vm.Id && e.What.Contains("resumed by somebody", StringComparison.Ordinal));
        Assert.False(Processes.IsAlive(vm.Pid));
    }

    [Theory]
    [InlineData("qmp")]
    [InlineData("agent")]
    public async Task Bears_garbage_on_the_sockets_of_a_vm_warm_or_leased(string socket)
    {
        var daemon = House.Start(House.Fakes(1));
        var vm = (await daemon.WarmAsync()).Pools[0].Vms[0];
        await Garbage.SendAsync(socket == "qmp" ? vm.Qmp : vm.Agent);

        var taken = await TakeAsync(daemon);
        Assert.Equal(vm.Id, taken.Id);
        await HandedOut.AssertAliveAndPausedAsync(taken);
        await Garbage.SendAsync(socket == "qmp" ? vm.Qmp : vm.Agent);

        await CliRun.SucceedingAsync(House.Endpoint, "resume", taken.Id);
        var run = await CliRun.SucceedingAsync(House.Endpoint, "exec", taken.Id, "--", "echo", "still", "here");
        Assert.Equal("still here\n", run.Out);
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 1 }, "1 is leased, 1 warm");
    }

    private static async Task<Vm> TakeAsync(DaemonProcess daemon) =>
        await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
}
