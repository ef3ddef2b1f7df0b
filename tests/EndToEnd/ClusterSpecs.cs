using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Three built daemons in network namespaces, as three hosts, with certificates.</summary>
[Trait("Category", "Fake")]
public sealed class ClusterSpecs
{
    private static readonly AcquireOptions Anywhere = new() { Placement = Placement.Any };

    [SkippableFact]
    public async Task Gives_each_warm_vm_once_on_whichever_node_it_is_asked()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2, "boot-delay=12s"));
        await cluster.StartAsync();

        List<LeasedVm> held = [];
        for (var i = 0; i < 6; i++)
            held.Add(await cluster.Client(i == 5 ? 0 : i % 2).AcquireAsync("", Anywhere with { Warm = WarmPreference.Require }));
        var refusal = await Assert.ThrowsAsync<VmCacheException>(() => cluster.Client(1).AcquireAsync("", Anywhere with { Warm = WarmPreference.Require }));

        Assert.Equal("POOL_EXHAUSTED", refusal.Reason);
        Assert.Equal(6, held.Select(v => v.Id).Distinct().Count());
        Assert.Equal([("n0", 2), ("n1", 2), ("n2", 2)], held.GroupBy(v => v.Host).Select(g => (g.Key, g.Count())).Order());
        for (var i = 0; i < 3; i++) await cluster.SeesAsync(i, c => c.Hosts.All(h => h.Pools.Single().Leased == 2), "two are leased on each host");

        // Any node knows every VM: its host does what is asked.
        foreach (var vm in held)
        {
            var elsewhere = cluster.Client((vm.Host[1] - '0' + 1) % 3);
            Assert.Equal(VmState.Leased, (await elsewhere.GetAsync(vm.Id, HandedOut.Timeout)).State);
            await elsewhere.RenewAsync(vm.Id, vm.Token, null, HandedOut.Timeout);
            await using (var monitor = await elsewhere.ConnectAsync(vm.Id, vm.Token, VmSocket.Qmp)) Assert.Equal("running", await StreamTalk.StatusAsync(monitor));
            var run = await vm.RunAsync(["echo", vm.Host]);
            Assert.Equal(vm.Host + "\n", run.Stdout);
            await elsewhere.ReleaseAsync(vm.Id, HandedOut.Timeout, token: vm.Token);
            await vm.DisposeAsync();
        }

        for (var i = 0; i < 3; i++) await cluster.SeesAsync(i, c => c.Hosts.All(h => h.Pools.Single().Leased == 0), "none is leased");
    }

    [SkippableFact]
    public async Task Drains_the_node_that_is_named_and_no_other()
    {
        await using var cluster = new ClusterHouse(2, (house, _) => house.Fakes(2));
        await cluster.StartAsync();

        var unknown = await CliRun.Async(cluster.HouseOf(0).Endpoint, "node", "drain", "n7");
        var drained = await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "drain", "n1", "-o", "json");

        Assert.NotEqual(0, unknown.ExitCode);
        Assert.Contains("there is no node 'n7' in the cluster; there is: n0, n1", unknown.Error, StringComparison.Ordinal);
        Assert.Equal(2, drained.Json.GetProperty("warmGivenUp").GetInt32());
        await cluster.SeesAsync(0, c => c.Hosts.Select(h => h.State).SequenceEqual(new[] { HostState.Up, HostState.Draining }), "n1 is draining, and n0 is not");
        await using var vm = await cluster.Client(1).AcquireAsync("", Anywhere);
        Assert.Equal("n0", vm.Host);

        await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "uncordon", "n1");
        await cluster.WholeAsync(0);
        await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "cordon", "n1");
        await cluster.SeesAsync(0, c => c.Hosts[1].State == HostState.Cordoned, "n1 is cordoned");
    }

    [SkippableFact]
    public async Task Keeps_a_total_warm_together_and_elsewhere_when_a_host_is_cordoned()
    {
        await using var cluster = new ClusterHouse(2, (house, _) => house.Fakes(1));
        await cluster.StartAsync();
        async Task<CliRun> ApplyAsync(string pool)
            => await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "pool", "apply", "-f", cluster.HouseOf(0).Write("pools.conf", $"pools {{ web {{ {pool} }} }}"));
        Task HaveAsync(uint first, uint second) => cluster.SeesAsync(
            0, c => c.Hosts.Select(h => h.Pools.SingleOrDefault(p => p.Pool == "web")).Select(p => (p?.Target, p?.Warm)).SequenceEqual([((uint?)first, (uint?)first), (second, second)]), $"n0 has {first} and n1 {second}");

        await ApplyAsync("total = 6");
        await HaveAsync(3, 3);
        Assert.Contains("6 together, 3 here", (await CliRun.SucceedingAsync(cluster.HouseOf(1).Endpoint, "pool", "list")).Out, StringComparison.Ordinal);

        // What is warm on a cordoned host stays warm there, beside the others that replace them.
        await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "cordon", "n1");
        await cluster.SeesAsync(0, c => c.Hosts[0].Pools.Any(p => p is { Pool: "web", Target: 6, Warm: 6 }) && c.Hosts[1].Pools.Any(p => p is { Pool: "web", Target: 0, Warm: 3 }), "n0 has all of them");
        await CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "uncordon", "n1");
        await HaveAsync(3, 3);

        await ApplyAsync("total = 2");
        await HaveAsync(1, 1);

        // Drained with leave of the others, and of who holds a VM of it.
        await using var held = await cluster.Client(1).AcquireAsync("web", new AcquireOptions());
        var left = await CliRun.Async(cluster.HouseOf(0).Endpoint, "node", "drain", "n1", "--wait", "2s");
        Assert.Equal(5, left.ExitCode);
        Assert.Contains("waiting for other hosts to make n1's share of web (1)\n", left.Error, StringComparison.Ordinal);
        Assert.Contains("waiting for VMs of n1 that are leased: web (1)\n", left.Error, StringComparison.Ordinal);
        Assert.Contains("n1 is drained, but VMs of it are still leased after 2 s", left.Error, StringComparison.Ordinal);
        await cluster.SeesAsync(0, c => c.Hosts[0].Pools.Any(p => p is { Pool: "web", Warm: 2, Target: 2 }) && c.Hosts[1].Pools.All(p => p.Warm == 0), "n0 has all of them, n1 none");
        var waiting = CliRun.SucceedingAsync(cluster.HouseOf(0).Endpoint, "node", "drain", "n1", "--wait", "10m");
        await held.DisposeAsync();
        Assert.Contains("no VM of n1 is leased any more", (await waiting).Out, StringComparison.Ordinal);

        // It stays cordoned.
        await cluster[1].KillAsync();
        cluster.Start(1);
        await cluster.SeesAsync(0, c => c.Hosts.Any(h => h is { Node: "n1", State: HostState.Cordoned, Pools.Count: 2 } && h.Pools.All(p => p.Warm + p.Warming == 0)), "n1 has come back cordoned");
    }

    [SkippableFact]
    public async Task Has_the_pools_that_were_applied_on_any_node_also_on_one_that_was_away()
    {
        await using var cluster = new ClusterHouse(2, (house, _) => house.Fakes(1));
        await cluster.StartAsync();
        async Task<CliRun> ApplyAsync(int host, string pools)
            => await CliRun.Async(cluster.HouseOf(host).Endpoint, "pool", "apply", "-f", cluster.HouseOf(host).Write("pools.conf", $"pools {{ {pools} }}"));

        Assert.Equal("pool web: added\n", (await ApplyAsync(0, "web { vm-cache-number = 2 }")).Out);
        await cluster[1].WarmAsync("web");
        await cluster.SeesAsync(0, c => c.Hosts.All(h => h.Pools.Any(p => p is { Pool: "web", Warm: 2 })), "both have it");

        await cluster[1].KillAsync();
        Assert.Equal("pool more: added\npool web: changed\n", (await ApplyAsync(0, "web { vm-cache-number = 1, memory = 128MiB }\n more { vm-cache-number = 1 }")).Out);
        Assert.Equal(0, (await CliRun.Async(cluster.HouseOf(0).Endpoint, "pool", "delete", "more")).ExitCode);
        var back = cluster.Start(1);
        await back.PoolAsync(p => p is { Warm: 1, Rollout: "" } && p.Vms.All(v => v.MemoryMib == 128), "it has heard of it", "web");

        Assert.Equal(0, (await CliRun.Async(cluster.HouseOf(1).Endpoint, "pool", "delete", "web")).ExitCode);
        foreach (var host in (int[])[0, 1])
            await cluster[host].UntilAsync(s => s.Pools.Count == 1, "it is gone");
    }

    [SkippableFact]
    public async Task Says_why_and_serves_its_own_when_its_certificate_is_not_trusted()
    {
        await using var cluster = new ClusterHouse(2, (house, _) => house.Fakes(1));
        using var strangers = new PrivateAuthority(cluster.CertificateDirectory, "strangers");
        cluster.Start(0, "--bootstrap");
        await cluster.SeesAsync(0, c => c.Hosts.Count == 1 && c.Reason.Length == 0, "the cluster is formed");

        var stranger = cluster.StartWith(1, strangers);
        var seen = await cluster.SeesAsync(1, c => c.Reason.Contains("trust", StringComparison.Ordinal), "it says that it is not trusted");

        Assert.Equal("", seen.Id);
        Assert.Contains("CN=strangers", seen.Reason, StringComparison.Ordinal);
        await stranger.WarmAsync();
        await using (var vm = await stranger.Client.AcquireAsync("", Anywhere)) Assert.Equal("n1", vm.Host);
        await Eventually.Async(() => cluster[0].Log.Contains("is not trusted", StringComparison.Ordinal), "the member tells of it too", () => cluster[0].Log);
        Assert.Single((await cluster.Client(0).GetClusterAsync(HandedOut.Timeout)).Hosts);
    }
}
