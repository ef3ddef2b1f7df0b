using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport.History;
using Xunit.Abstractions;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>One idempotency key, one VM: at whichever nodes it is asked for, and whichever daemon is killed meanwhile.</summary>
[Trait("Category", "Fake")]
public sealed class ClusterKeySpecs(ITestOutputHelper output)
{
    private static readonly Placement[] Placements = [Placement.Any, Placement.PreferLocal];

    [SkippableFact]
    public async Task Gives_one_vm_for_a_key_that_is_asked_for_at_all_nodes_at_once()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        var callers = new KeyCallers(cluster);

        for (var round = 0; round < 20; round++)
        {
            var (key, placement) = ($"k{round}", Placements[round % 2]);
            var given = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => callers.AcquireAsync(key, i, placement)));

            Assert.Single(given.Select(v => (v.Id, v.Token)).Distinct());
            Assert.Single(await callers.LeasedAsync(), key);
            // Also later, and when it is confirmed.
            await callers.ConfirmAsync(given[0], round);
            Assert.Equal(given[0].Id, (await callers.AcquireAsync(key, round + 1, placement)).Id);
            if (round % 3 > 0) await callers.ReleaseAsync(given[0], round + 2);
        }

        Assert.Empty(HistoryChecker.Faults(callers.History.Events));
        output.WriteLine(callers.Refusals);
    }

    [SkippableFact]
    public async Task Gives_no_second_vm_for_a_key_when_daemons_are_killed_at_random()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        var callers = new KeyCallers(cluster);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        output.WriteLine($"seed {seed}");
        Dictionary<string, LeasedVm> held = [];

        for (var round = 0; round < 4; round++)
        {
            var victim = random.Next(3);
            var calls = Enumerable.Range(0, 8).Select(i =>
            {
                var (key, placement, first) = ($"r{round}-{i}", Placements[random.Next(2)], random.Next(3));
                return Task.WhenAll(Enumerable.Range(0, 3).Select(at => callers.AcquireAsync(key, first + at, placement)));
            }).ToList();
            // Some of the calls are under way, some are over.
            if (random.Next(2) == 0) await Task.WhenAny(calls);
            await cluster[victim].KillAsync();
            cluster.Start(victim);
            foreach (var call in calls)
            {
                var given = await call;
                Assert.Single(given.Select(v => (v.Id, v.Token)).Distinct());
            }

            foreach (var call in calls)
            {
                var vm = (await call)[0];
                await callers.ConfirmAsync(vm, random.Next(3));
                held[vm.Vm.Labels[KeyCallers.Label]] = vm;
            }

            // What was given in earlier rounds is found again, by any node.
            foreach (var (key, vm) in held) Assert.Equal(vm.Id, (await callers.AcquireAsync(key, random.Next(3), Placement.Any)).Id);
            foreach (var key in held.Keys.Where(_ => random.Next(2) == 0).ToList())
            {
                await callers.ReleaseAsync(held[key], random.Next(3));
                held.Remove(key);
            }

            for (var i = 0; i < 3; i++) await cluster.SeesAsync(i, c => c.Hosts.Count == 3 && c.Hosts.All(h => h is { State: HostState.Up, Pools.Count: > 0 }), "all hosts are up");
            var leased = await callers.LeasedAsync();
            Assert.Equal(leased.Distinct().Order(), leased.Order());
            Assert.Superset(held.Keys.ToHashSet(), leased.ToHashSet());
        }

        Assert.Empty(HistoryChecker.Faults(callers.History.Events));
        output.WriteLine(callers.Refusals);
    }

    [SkippableFact]
    public async Task Serves_its_own_keys_while_it_is_cut_off_and_says_that_of_the_others_nothing_can_be_known()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        var everywhere = new KeyCallers(cluster);
        var before = await everywhere.AcquireAsync("before", 2, Placement.Any);
        await everywhere.ConfirmAsync(before, 2);
        cluster.Net.Cut(2);
        await cluster.SeesAsync(2, c => c.Hosts.Count(h => h.State == HostState.Up) <= 1, "it is on its own");

        var local = new AcquireOptions { IdempotencyKey = "local", AutomaticRenewal = false };
        var first = await cluster.Client(2).AcquireAsync("", local);
        Assert.Equal(first.Id, (await cluster.Client(2).AcquireAsync("", local)).Id);
        for (var i = 0; i < 4; i++)
        {
            var refusal = await Assert.ThrowsAsync<VmCacheException>(() => cluster.Client(2).AcquireAsync("", new AcquireOptions { IdempotencyKey = $"cut-{i}", Placement = Placement.Any }));
            Assert.Equal("KEY_UNAVAILABLE", refusal.Reason);
            Assert.True(refusal.RetryAfter > TimeSpan.Zero);
        }

        cluster.Net.Mend(2);
        for (var i = 0; i < 3; i++) await cluster.SeesAsync(i, c => c.Hosts.Count == 3 && c.Hosts.All(h => h is { State: HostState.Up, Pools.Count: > 0 }), "all are up again");
        Assert.Equal(before.Id, (await everywhere.AcquireAsync("before", 2, Placement.Any)).Id);
        Assert.Equal(before.Id, (await everywhere.AcquireAsync("before", 0, Placement.PreferLocal)).Id);
    }
}
