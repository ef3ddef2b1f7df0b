using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Ends of the daemon, good and bad, and the starts after them.</summary>
[Trait("Category", "Fake")]
public sealed class RestartSpecs : HouseSpecs
{
    [Fact]
    public async Task Leaves_handed_out_vms_running_and_no_other_unowned_when_the_daemon_is_killed()
    {
        var settings = House.Fakes(2);
        var first = House.Start(settings);
        await first.WarmAsync();
        var resumed = await TakeAsync(first);
        await HandedOut.ResumeAsync(resumed);
        var unconfirmed = await TakeAsync(first);
        await first.PoolAsync(p => p is { Leased: 2, Warm: 2, Warming: 0 } && p.Vms.Any(v => v.Id == resumed.Id && v.Confirmed), "2 are leased, 2 warm");
        var warm = (await first.ReadyAsync()).Pools[0].Vms.Where(v => v.State == VmState.Warm).ToList();

        await first.KillAsync();

        Assert.True(Path.Exists(House.Endpoint));
        Assert.Equal("running", await HandedOut.StatusOnMonitorAsync(resumed));
        await HandedOut.AssertAliveAndPausedAsync(unconfirmed);

        var second = House.Start(settings);
        var status = await second.PoolAsync(p => p is { Leased: 2, Warm: 2, Warming: 0 }, "the 2 are leased still, and 2 others warm");

        Assert.NotEqual(first.Pid, status.Pid);
        var leased = status.Pools[0].Vms.Where(v => v.State == VmState.Leased).ToDictionary(v => v.Id);
        Assert.Equal(resumed.Pid, leased[resumed.Id].Pid);
        Assert.True(leased[resumed.Id].Confirmed);
        Assert.False(leased[unconfirmed.Id].Confirmed);
        await Eventually.Async(() => warm.TrueForAll(v => !Processes.IsAlive(v.Pid)), "what was warm before is ended");
        await Eventually.Async(() => House.VmDirectories().SetEquals(status.Pools[0].Vms.Select(v => v.Id)), "only known VMs have directories");
        Assert.Equal(status.Pools[0].Vms.Select(v => (int)v.Pid).Order(), House.VmProcesses().Order());

        await second.Client.ReleaseAsync(resumed.Id, HandedOut.Timeout);
        await second.Client.ReleaseAsync(unconfirmed.Id, HandedOut.Timeout);
        Assert.False(Processes.IsAlive(resumed.Pid) || Processes.IsAlive(unconfirmed.Pid));
    }

    [Fact]
    public async Task Leaves_nothing_unowned_when_the_daemon_is_killed_while_vms_boot()
    {
        var first = House.Start(House.Fakes(4, "boot-delay=50s"));
        await first.PoolAsync(p => p.Vms.Count(v => v.State == VmState.Booting) == 4, "4 boot");
        var booting = House.VmProcesses();
        Assert.Equal(4, booting.Count);

        await first.KillAsync();
        var second = House.Start(House.Fakes(1));

        var status = await second.WarmAsync();
        await Eventually.Async(() => booting.All(pid => !Processes.IsAlive(pid)), "what booted is ended");
        await Eventually.Async(() => House.VmDirectories().SetEquals(status.Pools[0].Vms.Select(v => v.Id)), "only known VMs have directories");
    }

    [Fact]
    public async Task Goes_on_with_the_grace_period_when_the_daemon_was_killed_after_an_answer()
    {
        var settings = $"{House.Fakes(1)}\ngrace-period = 2s";
        var first = House.Start(settings);
        await first.WarmAsync();
        var vm = await TakeAsync(first);
        await first.KillAsync();

        var second = House.Start(settings);

        await second.PoolAsync(p => p is { Leased: 0, Warm: 1 } && p.Events.Any(e => e.Vm == vm.Id), "the VM that nobody resumed is destroyed");
        Assert.False(Processes.IsAlive(vm.Pid));
    }

    [Fact]
    public async Task Stops_what_is_warm_and_leaves_what_is_handed_out_when_terminated()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 2 }, "1 is leased and 2 are warm");

        Assert.Equal(0, await daemon.TerminateAsync());

        House.AssertNothingLeft(vm.Id);
        await HandedOut.AssertAliveAndPausedAsync(vm);
    }

    [Fact]
    public async Task Leaves_nothing_when_terminated_while_vms_boot()
    {
        var daemon = House.Start(House.Fakes(3, "boot-delay=50s"));
        await daemon.PoolAsync(p => p.Vms.Count(v => v.State == VmState.Booting) == 3, "3 boot");
        var caller = daemon.Client.GetBaseVmAsync(HandedOut.Timeout);
        await daemon.PoolAsync(p => p.Waiting == 1, "a caller waits");

        Assert.Equal(0, await daemon.TerminateAsync());

        House.AssertNothingLeft();
        var fault = await Assert.ThrowsAsync<VmCacheException>(() => caller);
        Assert.Contains("the daemon is stopping", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_and_then_stops_when_told_to_quit()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        using (var kata = new KataSocket(House.Endpoint))
        {
            Assert.NotNull(await kata.Service.QuitAsync(new(), deadline: DateTime.UtcNow.AddSeconds(30)));
        }

        Assert.Equal(0, await daemon.ExitedAsync());
        House.AssertNothingLeft();
    }

    private static async Task<Vm> TakeAsync(DaemonProcess daemon) =>
        await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
}
