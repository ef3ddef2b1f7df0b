using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Fake")]
public sealed class HealingSpecs : HouseSpecs
{
    [Fact]
    public async Task Replaces_a_warm_vm_and_never_hands_it_out_when_its_qemu_is_killed()
    {
        var daemon = House.Start(House.Fakes(3));
        var dead = (await daemon.WarmAsync()).Pools[0].Vms[0];

        await Processes.KillAsync(dead.Pid);
        var taken = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => daemon.Client.GetBaseVmAsync(HandedOut.Timeout)));

        Assert.DoesNotContain(taken, v => v.Id == dead.Id);
        var status = await daemon.PoolAsync(p => p is { Warm: 3, Leased: 3, Warming: 0 }, "3 are warm beside the 3 that were handed out");
        // Who is quicker tells: the watch on its process, or the look at it when it was to be handed out.
        Assert.Contains(status.Pools[0].Events, e => e.Vm == dead.Id && (e.What.Contains("killed by signal 9", StringComparison.Ordinal) || e.What.Contains("its process is gone", StringComparison.Ordinal)));
        Assert.DoesNotContain(status.Pools[0].Vms, v => v.Id == dead.Id);
        await Eventually.Async(() => !House.VmDirectories().Contains(dead.Id), "its directories are gone");
    }

    [Fact]
    public async Task Serves_from_the_good_pool_and_heals_the_broken_one_when_its_kernel_appears()
    {
        var kernel = House.At("later");
        var socket = House.At("b.sock");
        var daemon = House.Start($$"""
            {{House.Fakes(2)}}
            pools.broken { kernel = "{{kernel}}", endpoint = "{{socket}}" }
            """);
        await daemon.WarmAsync();
        var status = await daemon.PoolAsync(p => p.Reason.Contains("next try in", StringComparison.Ordinal), "the broken pool backs off", "broken");

        var broken = status.Pools.Single(p => p.Name == "broken");
        Assert.Equal(0u, broken.Warm);
        Assert.Contains(kernel, broken.Reason, StringComparison.Ordinal);
        Assert.Contains("set the pool's kernel", broken.Reason, StringComparison.Ordinal);
        await daemon.Client.GetBaseVmAsync(HandedOut.Timeout);

        House.Kernel("later");

        status = await daemon.WarmAsync("broken");
        broken = status.Pools.Single(p => p.Name == "broken");
        Assert.Equal("", broken.Reason);
        Assert.Equal(daemon.Pid, status.Pid);
        using var own = new KataSocket(socket);
        var vm = await own.GetBaseVmAsync();
        Assert.Contains(vm.Id, broken.Vms.Select(v => v.Id));
    }

    [Fact]
    public async Task Keeps_each_pool_on_its_own_socket()
    {
        var socket = House.At("second.sock");
        var daemon = House.Start($$"""
            {{House.Fakes(1)}}
            pools.second { memory = 128MiB, endpoint = "{{socket}}" }
            """);
        await daemon.WarmAsync();
        await daemon.WarmAsync("second");
        using var first = new KataSocket(House.Endpoint);
        using var second = new KataSocket(socket);

        Assert.Equal(64u, (await first.GetBaseVmAsync()).Memory);
        Assert.Equal(128u, (await second.GetBaseVmAsync()).Memory);
        await daemon.PoolAsync(p => p.Leased == 1, "the default pool gave one");
        await daemon.PoolAsync(p => p.Leased == 1, "the second pool gave one", "second");
    }

    [Fact]
    public async Task Replaces_warm_vms_when_they_reach_max_age()
    {
        var daemon = House.Start($"{House.Fakes(2)}\nmax-age = 1s");
        var old = (await daemon.WarmAsync()).Pools[0].Vms.Select(v => v.Id).ToArray();

        var status = await daemon.PoolAsync(
            p => p is { Warm: 2, Warming: 0 } && p.Events.Any(e => e.What.Contains("max-age", StringComparison.Ordinal)) && p.Vms.All(v => !old.Contains(v.Id)),
            "both were replaced");

        Assert.Equal(0u, status.Pools[0].Leased);
    }
}
