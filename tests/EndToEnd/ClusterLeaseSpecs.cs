using Grpc.Core;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>A lease is found through any node of a cluster, or its holder is told to try again: never that it is gone while it is not.</summary>
[Trait("Category", "Fake")]
public sealed class ClusterLeaseSpecs
{
    private static readonly AcquireOptions There = new()
    {
        Placement = Placement.Any, Affinity = new Dictionary<string, string> { ["place"] = "p2" }, AutomaticRenewal = false, Ttl = TimeSpan.FromHours(1),
    };

    [SkippableFact]
    public async Task Tells_a_holder_to_try_again_when_its_node_was_restarted_and_its_host_is_away()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        var held = await cluster.Client(0).AcquireAsync("", There);
        var other = await cluster.Client(0).AcquireAsync("", There);
        await cluster.Client(0).RenewAsync(other.Id, other.Token, null, HandedOut.Timeout);
        await cluster[2].KillAsync();
        await cluster[1].KillAsync();
        var restarted = cluster.Start(1);
        await restarted.ReadyAsync();

        for (var i = 0; i < 3; i++)
        {
            await IsToTryAgainAsync(() => restarted.Client.RenewAsync(held.Id, held.Token, null, HandedOut.Timeout));
            await IsToTryAgainAsync(() => restarted.Client.ReleaseAsync(held.Id, HandedOut.Timeout, token: held.Token));
            await IsToTryAgainAsync(() => restarted.Client.GetAsync($"{Guid.NewGuid()}", HandedOut.Timeout));
        }

        cluster.Start(2);
        await Eventually.Async(
            async () =>
            {
                try
                {
                    await restarted.Client.RenewAsync(held.Id, held.Token, null, HandedOut.Timeout);
                    return true;
                }
                catch (VmCacheException e) when (e.Code == StatusCode.Unavailable)
                {
                    return false;
                }
            },
            "the lease is renewed, and never said to be gone before");
        await restarted.Client.ReleaseAsync(held.Id, HandedOut.Timeout, token: held.Token);
        for (var i = 0; i < 3; i++) await cluster.SeesAsync(i, c => c.Hosts.Count == 3 && c.Hosts.All(h => h is { State: HostState.Up, Pools.Count: > 0 }), "all are up");
        foreach (var unknown in (string[])[held.Id, $"{Guid.NewGuid()}"])
        {
            var gone = await Assert.ThrowsAsync<VmCacheException>(() => restarted.Client.GetAsync(unknown, HandedOut.Timeout));
            Assert.Equal((StatusCode.NotFound, "UNKNOWN_VM"), (gone.Code, gone.Reason));
        }
    }

    [SkippableFact]
    public async Task Knows_that_a_vm_is_of_a_host_that_has_left_also_after_a_restart()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        var held = await cluster.Client(0).AcquireAsync("", There);
        await held.RenewAsync(null);
        Assert.Equal(0, await cluster[2].TerminateAsync());
        for (var i = 0; i < 2; i++) await cluster.SeesAsync(i, c => c.Hosts.Count == 2, "it has left");
        Assert.Equal(0, await cluster[1].TerminateAsync());
        cluster.Start(1);
        for (var i = 0; i < 2; i++) await cluster.SeesAsync(i, c => c.Hosts.Count == 2 && c.Hosts.All(h => h is { State: HostState.Up, Pools.Count: > 0 }), "two are up");

        await IsToTryAgainAsync(() => cluster.Client(1).RenewAsync(held.Id, held.Token, null, HandedOut.Timeout));
        var unknown = await Assert.ThrowsAsync<VmCacheException>(() => cluster.Client(1).GetAsync($"{Guid.NewGuid()}", HandedOut.Timeout));
        Assert.Equal(StatusCode.NotFound, unknown.Code);
        var drain = await CliRun.Async(cluster.HouseOf(1).Endpoint, "node", "drain", "n2");
        Assert.Contains("node n2 is not reached", drain.Error, StringComparison.Ordinal);
    }

    private static async Task IsToTryAgainAsync(Func<Task> call)
    {
        var fault = await Assert.ThrowsAsync<VmCacheException>(call);
        Assert.True(fault.Code == StatusCode.Unavailable && fault.Reason is "HOST_AWAY" or "OWNER_UNKNOWN", $"{fault.Code} {fault.Reason}: {fault.Message}");
        Assert.True(fault.RetryAfter > TimeSpan.Zero);
    }
}
