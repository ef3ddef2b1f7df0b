using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Ends of the daemon, good and bad, and the starts after them.</summary>
[Trait("Category", "Fake")]
public sealed class RestartSpecs : HouseSpecs
{
    public enum End
    {
        Sigterm,
        Kill,
    }

    [Theory]
    [InlineData(End.Sigterm)]
    [InlineData(End.Kill)]
    public async Task Has_every_warm_and_every_handed_out_vm_again_when_it_is_started_anew(End end)
    {
        var settings = House.Fakes(2);
        var first = House.Start(settings);
        await first.WarmAsync();
        var resumed = await TakeAsync(first);
        await HandedOut.ResumeAsync(resumed);
        var unconfirmed = await TakeAsync(first);
        var leased = await first.Client.AcquireAsync("default", new AcquireOptions { Ttl = TimeSpan.FromMinutes(30), AutomaticRenewal = false, SandboxId = "box" });
        await leased.RenewAsync();
        var before = await first.PoolAsync(
            p => p is { Leased: 3, Warm: 2, Warming: 0 } && p.Vms.Any(v => v.Id == resumed.Id && v.Confirmed), "3 are leased, 2 warm");

        await EndAsync(first, end);

        Assert.Equal(end == End.Kill, Path.Exists(House.Endpoint));
        Assert.Equal("running", await HandedOut.StatusOnMonitorAsync(resumed));
        await HandedOut.AssertAliveAndPausedAsync(unconfirmed);

        var second = House.Start(settings);
        var after = await second.PoolAsync(p => p is { Leased: 3, Warm: 2, Warming: 0 }, "all are there again");

        Assert.NotEqual(first.Pid, after.Pid);
        Assert.Equal(Holdings(before), Holdings(after));
        Assert.Equal("", after.Pools[0].Reason);
        Assert.Equal(after.Pools[0].Vms.Select(v => (int)v.Pid).Order(), House.VmProcesses().Order());
        Assert.True(House.VmDirectories().SetEquals(after.Pools[0].Vms.Select(v => v.Id)));
        var lease = after.Pools[0].Vms.Single(v => v.Id == leased.Id);
        Assert.InRange(lease.ExpiresAt.ToDateTimeOffset(), leased.ExpiresAt - TimeSpan.FromSeconds(1), leased.ExpiresAt + TimeSpan.FromSeconds(1));
        Assert.Equal("box", lease.SandboxId);

        // What was taken over is of use: a warm one can be had, and a lease is renewed, used and released with its token.
        var warm = before.Pools[0].Vms.Where(v => v.State == VmState.Warm).Select(v => v.Id).ToList();
        Assert.Contains((await TakeAsync(second)).Id, warm);
        Assert.Equal(TimeSpan.FromMinutes(30), (await second.Client.RenewAsync(leased.Id, leased.Token, null, HandedOut.Timeout)).Ttl.ToTimeSpan());
        await second.Client.ReleaseAsync(leased.Id, HandedOut.Timeout, token: leased.Token);
        await second.Client.ReleaseAsync(resumed.Id, HandedOut.Timeout);
        await second.Client.ReleaseAsync(unconfirmed.Id, HandedOut.Timeout);
        Assert.DoesNotContain([resumed.Pid, unconfirmed.Pid, leased.Vm.Pid], Processes.IsAlive);
    }

    [Fact]
    public async Task Has_all_its_vms_again_when_it_is_killed_five_times_in_a_row()
    {
        var settings = House.Fakes(5);
        var daemon = House.Start(settings);
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);
        await HandedOut.ResumeAsync(vm);
        var before = await daemon.PoolAsync(p => p is { Leased: 1, Warm: 5, Warming: 0 } && p.Vms.Any(v => v.Confirmed), "1 is leased, 5 are warm");

        for (var round = 0; round < 5; round++)
        {
            await daemon.KillAsync();
            daemon = House.Start(settings);
            if (round % 2 == 0) await daemon.ReadyAsync();
        }

        var after = await daemon.PoolAsync(p => p is { Leased: 1, Warm: 5, Warming: 0 }, "all are there again");
        Assert.Equal(Holdings(before), Holdings(after));
        Assert.Equal(6, House.VmProcesses().Count);
    }

    [Fact]
    public async Task Hands_out_no_vm_that_somebody_ran_while_there_was_no_daemon()
    {
        var settings = House.Fakes(2);
        var first = House.Start(settings);
        var before = (await first.WarmAsync()).Pools[0].Vms;
        await first.KillAsync();
        await HandedOut.ResumeAsync(before[0]);
        await HandedOut.PauseAsync(before[0]);
        await Processes.KillAsync(before[1].Pid);

        var second = House.Start(settings);

        var after = await second.PoolAsync(p => p is { Warm: 2, Warming: 0 } && p.Vms.All(v => before.All(b => b.Id != v.Id)), "2 others are warm");
        Assert.False(Processes.IsAlive(before[0].Pid));
        await Eventually.Async(() => House.VmDirectories().SetEquals(after.Pools[0].Vms.Select(v => v.Id)), "only known VMs have directories");
    }

    [Fact]
    public async Task Gives_up_what_is_warm_and_leaves_what_is_handed_out_when_drained()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 2, Warming: 0 }, "1 is leased and 2 are warm");

        var drained = (await CliRun.SucceedingAsync(House.Endpoint, "node", "drain", "-o", "json")).Json;

        Assert.Equal((2, 1), (drained.GetProperty("warmGivenUp").GetInt32(), drained.GetProperty("leasedLeft").GetInt32()));
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 0, Warming: 0, Vms.Count: 1 }, "only the leased one is left");
        House.AssertNoVmLeft(vm.Id);
        await HandedOut.AssertAliveAndPausedAsync(vm);
        var refused = await CliRun.Async(House.Endpoint, "acquire");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("this host is drained", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stays_cordoned_across_restarts_until_it_is_uncordoned()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        await CliRun.SucceedingAsync(House.Endpoint, "node", "cordon");
        await TakeAsync(daemon);
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 0, Warming: 0 }, "none is made");

        await daemon.KillAsync();
        daemon = House.Start(House.Fakes(1));
        var pool = (await daemon.PoolAsync(p => p is { Leased: 1, Warm: 0, Warming: 0 }, "none is made by the next one")).Pools[0];
        Assert.Contains("this host is cordoned", pool.Reason, StringComparison.Ordinal);

        await CliRun.SucceedingAsync(House.Endpoint, "node", "uncordon");
        await daemon.WarmAsync();
        await daemon.TerminateAsync();
        await House.Start(House.Fakes(1)).WarmAsync();
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
    public async Task Answers_and_then_stops_with_its_warm_vms_when_told_to_quit()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        var vm = await TakeAsync(daemon);
        await daemon.PoolAsync(p => p is { Leased: 1, Warm: 2, Warming: 0 }, "1 is leased and 2 are warm");
        using (var kata = new KataSocket(House.Endpoint))
        {
            Assert.NotNull(await kata.Service.QuitAsync(new(), deadline: DateTime.UtcNow.AddSeconds(30)));
        }

        Assert.Equal(0, await daemon.ExitedAsync());
        House.AssertNothingLeft(vm.Id);
        await HandedOut.AssertAliveAndPausedAsync(vm);
    }

    private static Task EndAsync(DaemonProcess daemon, End end) => end == End.Kill ? daemon.KillAsync() : daemon.TerminateAsync();

    /// <summary>What there is of VMs, and in whose hands.</summary>
    private static IReadOnlyList<string> Holdings(NodeStatus status) =>
        [.. status.Pools.SelectMany(p => p.Vms).Select(v => $"{v.Id} {v.Pid} {v.State} confirmed: {v.Confirmed}").Order(StringComparer.Ordinal)];

    private static async Task<Vm> TakeAsync(DaemonProcess daemon) =>
        await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id, HandedOut.Timeout);
}
