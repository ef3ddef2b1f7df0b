using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Warm VMs whose QEMU hangs (SIGSTOP plays it), or that nobody could reach.</summary>
[Trait("Category", "Fake")]
public sealed class HungVmSpecs : HouseSpecs
{
    [Theory]
    [InlineData("get-base-vm")]
    [InlineData("acquire")]
    public async Task Hands_two_that_hang_of_three_to_none_of_20_callers_and_replaces_them(string verb)
    {
        var daemon = House.Start($"{House.Fakes(3)}\nstop {{ quit = 2s, term = 500ms, kill = 10s }}");
        var hung = (await daemon.WarmAsync()).Pools[0].Vms.Take(2).ToList();
        foreach (var vm in hung) Processes.Signal(vm.Pid, Processes.Sigstop);
        await daemon.PoolAsync(p => hung.All(h => p.Vms.All(v => v.Id != h.Id || v.State != VmState.Warm)), "none of the hung ones is warm");

        var taken = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TakeAsync(daemon, verb)));

        Assert.Empty(taken.Intersect(hung.Select(v => v.Id)));
        Assert.Equal(20, taken.Distinct().Count());
        var status = await daemon.PoolAsync(p => p is { Warm: 3, Warming: 0 } && hung.All(h => p.Vms.All(v => v.Id != h.Id)), "3 others are warm");
        Assert.All(hung, vm => Assert.False(Processes.IsAlive(vm.Pid)));
        // Events that differ in the VM alone are one, with the last one's id.
        Assert.Contains(
            status.Pools[0].Events, e => hung.Any(h => h.Id == e.Vm) && e.What.StartsWith("was unresponsive, ended: ", StringComparison.Ordinal)
                && e.What.Contains("'query-status'", StringComparison.Ordinal));
    }

    /// <summary>The background has no time to find it out: the acquire does.</summary>
    [Fact]
    public async Task Leases_a_good_one_at_once_though_two_of_three_have_just_begun_to_hang()
    {
        var daemon = House.Start($"{House.Fakes(3)}\nstop {{ quit = 2s, term = 500ms, kill = 10s }}");
        var hung = (await daemon.WarmAsync()).Pools[0].Vms.Take(2).ToList();
        foreach (var vm in hung) Processes.Signal(vm.Pid, Processes.Sigstop);

        var taken = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TakeAsync(daemon, "acquire")));

        Assert.Empty(taken.Intersect(hung.Select(v => v.Id)));
    }

    [Fact]
    public async Task Says_what_did_not_answer_when_no_vm_could_be_resumed()
    {
        var daemon = House.Start($"{House.Fakes(3, "hang-on=cont")}\nstop {{ quit = 200ms, term = 2s, kill = 10s }}");
        await daemon.WarmAsync();

        var fault = await Assert.ThrowsAsync<VmCacheException>(() => LeaseAsync(daemon.Client));

        Assert.Contains("3 VMs could not be prepared for this request, the last because: QEMU did not answer 'cont' within 1 s", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Is_warm_again_when_it_hung_for_a_moment_only()
    {
        var daemon = House.Start(House.Fakes(1));
        var vm = (await daemon.WarmAsync()).Pools[0].Vms[0];
        Processes.Signal(vm.Pid, Processes.Sigstop);
        var status = await daemon.PoolAsync(p => p.Vms.Any(v => v.State == VmState.Unresponsive), "it does not answer");
        Assert.Equal(0u, status.Pools[0].Warm);
        Assert.Contains("does not answer", status.Pools[0].Reason, StringComparison.Ordinal);

        Processes.Signal(vm.Pid, Processes.Sigcont);

        status = await daemon.WarmAsync();
        Assert.Equal(vm.Id, Assert.Single(status.Pools[0].Vms).Id);
        await HandedOut.AssertAliveAndPausedAsync(vm);
    }

    [Fact]
    public async Task Does_not_hold_up_a_start()
    {
        var daemon = House.Start(House.Fakes(2));
        var vms = (await daemon.WarmAsync()).Pools[0].Vms;
        var (hung, good) = (vms[0], vms[1]);
        await daemon.KillAsync();
        Processes.Signal(hung.Pid, Processes.Sigstop);

        daemon = House.Start(House.Fakes(2));

        await daemon.ReadyAsync();
        Assert.Equal(good.Id, (await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id);
        await daemon.PoolAsync(p => p is { Warm: 2, Warming: 0 } && p.Vms.All(v => v.Id != hung.Id), "2 are warm, and the hung one is gone");
        Assert.False(Processes.IsAlive(hung.Pid));
    }

    [Theory]
    [InlineData("")]
    [InlineData("qmp.sock")]
    [InlineData("agent.sock")]
    [InlineData("console.sock")]
    public async Task Hands_out_another_and_replaces_it_when_what_its_holder_needs_is_gone(string name)
    {
        var daemon = House.Start(House.Fakes(2));
        var vm = (await daemon.WarmAsync()).Pools[0].Vms[0];
        var path = Path.Combine(Path.GetDirectoryName(vm.Qmp)!, name);
        if (name.Length == 0) Directory.Delete(path.TrimEnd('/'), recursive: true);
        else File.Delete(path);

        var (first, second) = (await TakeAsync(daemon, "get-base-vm"), await TakeAsync(daemon, "acquire"));

        Assert.DoesNotContain(vm.Id, new[] { first, second });
        var status = await daemon.PoolAsync(p => p is { Warm: 2, Warming: 0 } && p.Vms.All(v => v.Id != vm.Id), "another is warm");
        Assert.Contains(status.Pools[0].Events, e => e.Vm == vm.Id && e.What.Contains(path.TrimEnd('/'), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Leaves_a_held_one_alone_whose_directory_its_holder_deleted()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        var held = await daemon.Client.GetAsync(await TakeAsync(daemon, "get-base-vm"), HandedOut.Timeout);
        await HandedOut.ResumeAsync(held);
        await daemon.PoolAsync(p => p.Vms.Any(v => v.Id == held.Id && v.Confirmed), "it is confirmed");
        Directory.Delete(Path.GetDirectoryName(held.Qmp)!, recursive: true);

        // A warm one that is found out marks the time.
        var warm = (await daemon.WarmAsync()).Pools[0].Vms.Single(v => v.State == VmState.Warm);
        File.Delete(warm.Qmp);
        await daemon.PoolAsync(p => p.Vms.All(v => v.Id != warm.Id) && p.Warm == 1, "the warm one was replaced");

        Assert.True(Processes.IsAlive(held.Pid));
        Assert.Equal(VmState.Leased, (await daemon.Client.GetAsync(held.Id, HandedOut.Timeout)).State);
    }

    private static async Task<string> TakeAsync(DaemonProcess daemon, string verb)
        => verb == "get-base-vm" ? (await daemon.Client.GetBaseVmAsync(HandedOut.Timeout)).Id : await LeaseAsync(daemon.Client);

    private static async Task<string> LeaseAsync(VmCacheClient client)
    {
        await using var vm = await client.AcquireAsync("", new AcquireOptions { Timeout = HandedOut.Timeout });
        return vm.Id;
    }
}
