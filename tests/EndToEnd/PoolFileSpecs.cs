using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Pools that are applied to a daemon that runs.</summary>
[Trait("Category", "Fake")]
public sealed class PoolFileSpecs : HouseSpecs
{
    [Fact]
    public async Task Makes_changes_and_deletes_a_pool_and_keeps_it_across_restarts()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();

        await ApplyAsync("web { vm-cache-number = 2, memory = 64MiB }", "pool web: added");
        await daemon.WarmAsync("web");
        var first = await daemon.Client.AcquireAsync("web", new AcquireOptions { AutomaticRenewal = false });
        Assert.Equal(64u, first.Vm.MemoryMib);

        await ApplyAsync("web { vm-cache-number = 3, memory = 128MiB }", "pool web: changed");
        await daemon.PoolAsync(p => p is { Warm: 3, Rollout: "" } && p.Vms.Where(v => v.State == VmState.Warm).All(v => v.MemoryMib == 128), "all are new", "web");
        await ApplyAsync("web { memory = 128MiB, vm-cache-number = 3 }", "pool web: unchanged");

        await daemon.TerminateAsync();
        daemon = House.Start(House.Fakes(1));
        var web = (await daemon.PoolAsync(p => p is { Warm: 3, Leased: 1 }, "it is there again", "web")).Pools.Single(p => p.Name == "web");
        Assert.Contains(web.Vms, v => v.Id == first.Id && v.State == VmState.Leased);

        Assert.Equal("pool web: deleted\n", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "delete", "web")).Out);
        await daemon.UntilAsync(s => s.Pools.SingleOrDefault(p => p.Name == "web") is { Warm: 0, Leased: 1 } gone && gone.Vms.Count == 1, "what is leased is left");
        await CliRun.SucceedingAsync(House.Endpoint, "release", first.Id, "--token", first.Token);
        await daemon.UntilAsync(s => s.Pools.Count == 1, "nothing is left of it");
        Assert.Matches("^POOL +FROM .*\ndefault +vmcache.conf +- +1 here +-\n$", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "list")).Out);
    }

    [Fact]
    public async Task Goes_back_by_itself_and_remembers_it_when_new_vms_do_not_boot()
    {
        var daemon = House.Start(House.Fakes(2));
        await daemon.WarmAsync();
        await ApplyAsync("default { memory = 128MiB }", "pool default: added");
        await daemon.PoolAsync(p => p is { Warm: 2, Rollout: "" } && p.Vms.Count == 2 && p.Vms.All(v => v.MemoryMib == 128), "all are new");

        await ApplyAsync($"default {{ memory = 128MiB, kernel = \"{House.Kernel("bad", "boot-delay=50s", "exit-after=300ms:3")}\", initrd = \"{House.Initrd}\" }}", "pool default: changed");
        var pool = (await daemon.PoolAsync(p => p.Rollout.Contains("was undone"), "it went back")).Pools[0];
        Assert.Contains("3 VMs of it in a row could not be made", pool.Rollout);
        Assert.Equal(2u, pool.Warm);
        Assert.Contains("undone here", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "list")).Out);
        Assert.Contains("was undone", (await CliRun.SucceedingAsync(House.Endpoint, "status")).Out);

        // Also for the next daemon: it takes the warm ones over and does not try again.
        await daemon.KillAsync();
        daemon = House.Start(House.Fakes(2));
        var next = (await daemon.PoolAsync(p => p is { Warm: 2, Warming: 0 }, "they are taken over")).Pools[0];
        Assert.Equal(pool.Vms.Where(v => v.State == VmState.Warm).Select(v => v.Id).Order(), next.Vms.Select(v => v.Id).Order());
        Assert.Equal(pool.Revision, next.Revision);

        // Applied again it is tried again.
        await ApplyAsync("default { memory = 64MiB }", "pool default: changed");
        await daemon.PoolAsync(p => p is { Warm: 2, Rollout: "" } && p.Vms.Count == 2 && p.Vms.All(v => v.MemoryMib == 64), "all are new");
    }

    [Fact]
    public async Task Tells_all_faults_of_a_file_at_once_and_changes_nothing()
    {
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();

        var run = await ApplyingAsync("vmcache { endpoint = /x }\npools { a { memroy = 1 }\n Web { }\n b { vm-cache-number = -1, total = 4 }\n c = 5\n d { endpoint = /y, total = x } }");

        Assert.NotEqual(0, run.ExitCode);
        foreach (var words in (string[])["vmcache: it is no pool's", "did you mean pools.a.memory?", "pools.Web: it is not a pool's name", "there is total too", "pools.c: it must be an object", "pools.d.endpoint: it belongs to a host", "pools.d.total: it is not a whole number"])
            Assert.Contains(words, run.Error);

        run = await ApplyingAsync("pools { b { vm-cache-number = -1, memory = 1KiB } }");
        Assert.Contains("pools.b.vm-cache-number: it is negative", run.Error);
        Assert.Contains("pools.b.memory", run.Error);
        Assert.Contains("there is no pool", (await ApplyingAsync("pools { }")).Error);
        Assert.Contains("not valid HOCON", (await ApplyingAsync("pools { ")).Error);
        Assert.Contains("no pool 'b' was applied", (await CliRun.Async(House.Endpoint, "pool", "delete", "b")).Error);
        Assert.Contains("no pool 'b' was applied", (await CliRun.Async(House.Endpoint, "pool", "get", "b")).Error);
        Assert.Contains("cannot be read", (await CliRun.Async(House.Endpoint, "pool", "apply", "-f", House.At("nowhere"))).Error);
        Assert.Equal("pool b: added (nothing was done: --dry-run)\n", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "apply", "--dry-run", "-f", House.Write("b.conf", "pools { b { } }"))).Out);
        Assert.Equal(["default"], (await daemon.Client.GetStatusAsync(HandedOut.Timeout)).Pools.Select(p => p.Name));
        Assert.False(File.Exists(House.At("state/pools.json")));
    }

    [Fact]
    public async Task Starts_with_the_pools_of_its_file_when_those_that_were_applied_cannot_be_used()
    {
        Directory.CreateDirectory(House.At("state"));
        House.Write("state/pools.json", "{ not json");
        var daemon = House.Start(House.Fakes(1));
        await daemon.WarmAsync();
        Assert.Contains("the pools that were applied cannot be read", daemon.Log);
        Assert.Contains("cannot be read", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "list")).Out);

        // What is applied now is written over it.
        await ApplyAsync("web { vm-cache-number = 1 }", "pool web: added");
        await daemon.WarmAsync("web");
        var text = (await CliRun.SucceedingAsync(House.Endpoint, "pool", "get", "web")).Out;
        Assert.Equal("vmcache.pools.web {\n  vm-cache-number = \"1\"\n}\n", text);
        await CliRun.SucceedingAsync(House.Endpoint, "pool", "apply", "-f", House.Write("again.conf", text));
    }

    private async Task ApplyAsync(string pool, string answer)
        => Assert.Equal(answer + "\n", (await CliRun.SucceedingAsync(House.Endpoint, "pool", "apply", "-f", House.Write("pools.conf", $"vmcache.pools {{ {pool} }}"))).Out);

    private Task<CliRun> ApplyingAsync(string text) => CliRun.Async(House.Endpoint, "pool", "apply", "-f", House.Write("pools.conf", text));
}
