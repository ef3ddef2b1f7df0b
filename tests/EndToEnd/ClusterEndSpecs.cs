using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Daemons of a cluster end. Callers of the others must be served within a few seconds, which other specs could take from them.</summary>
[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
public sealed class ClusterEndSpecs
{
    private static readonly AcquireOptions Anywhere = new() { Placement = Placement.Any };

    [SkippableFact]
    public async Task Fails_no_caller_of_the_others_when_a_daemon_is_killed_and_takes_its_vms_over_when_it_is_back()
    {
        await using var cluster = new ClusterHouse(3, (house, host) => house.Fakes(host == 2 ? 6 : 1));
        await cluster.StartAsync();
        await using var held = await cluster.Client(0).AcquireAsync("", Anywhere with { Affinity = new Dictionary<string, string> { ["place"] = "p2" }, AutomaticRenewal = false });
        Assert.Equal("n2", held.Host);
        await using var one = new Load(() => cluster.Client(0), Anywhere with { Timeout = TimeSpan.FromSeconds(2) });
        await using var other = new Load(() => cluster.Client(1), Anywhere with { Timeout = TimeSpan.FromSeconds(2) });
        await Load.GrantedAsync([one, other], 5);

        await cluster[2].KillAsync();
        await Load.GrantedAsync([one, other], 20);
        var away = await Assert.ThrowsAsync<VmCacheException>(() => cluster.Client(1).GetAsync(held.Id, HandedOut.Timeout));
        Assert.Equal("HOST_AWAY", away.Reason);
        cluster.Start(2);
        for (var i = 0; i < 3; i++) await cluster.UpAsync(i);
        await one.StopAsync();
        await other.StopAsync();

        Assert.Empty(one.Failures.Concat(other.Failures));
        Assert.Equal(VmState.Leased, (await cluster.Client(1).GetAsync(held.Id, HandedOut.Timeout)).State);
        await cluster.Client(1).RenewAsync(held.Id, held.Token, null, HandedOut.Timeout);
    }

    [SkippableFact]
    public async Task Fails_no_caller_and_loses_no_vm_when_all_daemons_are_restarted_in_turn()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        List<LeasedVm> held = [];
        for (var i = 0; i < 3; i++) held.Add(await cluster.Client(i).AcquireAsync("", new AcquireOptions { AutomaticRenewal = false, Ttl = TimeSpan.FromHours(1) }));
        // Else each is lost with its grace period, which three restarts may outlast.
        foreach (var vm in held) await vm.RenewAsync(null);
        var open = 1;
        await using var one = new Load(() => cluster.Client(Volatile.Read(ref open)), Anywhere with { Timeout = TimeSpan.FromSeconds(5) });
        await using var other = new Load(() => cluster.Client(Volatile.Read(ref open)), Anywhere with { Timeout = TimeSpan.FromSeconds(5) });

        for (var i = 0; i < 3; i++)
        {
            // As a caller with several endpoints does that is told that one goes.
            Volatile.Write(ref open, (i + 1) % 3);
            await Load.GrantedAsync([one, other], 2);
            Assert.Equal(0, await cluster[i].TerminateAsync());
            await Load.GrantedAsync([one, other], 3);
            cluster.Start(i);
            for (var at = 0; at < 3; at++) await cluster.UpAsync(at);
        }

        await one.StopAsync();
        await other.StopAsync();
        Assert.Empty(one.Failures.Concat(other.Failures));
        foreach (var (vm, at) in held.Select((vm, i) => (vm, i)))
        {
            var elsewhere = cluster.Client((at + 1) % 3);
            Assert.Equal(VmState.Leased, (await elsewhere.GetAsync(vm.Id, HandedOut.Timeout)).State);
            await elsewhere.ReleaseAsync(vm.Id, HandedOut.Timeout, token: vm.Token);
        }
    }
}
