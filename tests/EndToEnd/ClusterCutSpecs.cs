using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Callers of three hosts, while one of them is cut off.</summary>
[Trait("Category", "Fake")]
public sealed class ClusterCutSpecs
{
    private static readonly TimeSpan Cut = TimeSpan.FromSeconds(30);

    /// <summary>Less than the cut: who is served after it only was not served in it.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(20);

    private static readonly AcquireOptions Anywhere = new() { Placement = Placement.Any };

    [SkippableFact]
    public async Task Serves_local_callers_while_a_host_is_cut_off_and_becomes_one_cluster_again()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(2));
        await cluster.StartAsync();
        List<Load> local = [], anywhere = [];
        for (var i = 0; i < 3; i++)
        {
            var client = cluster.Client(i);
            local.Add(new Load(() => client, new AcquireOptions { Timeout = CallTimeout }));
            anywhere.Add(new Load(() => client, Anywhere with { Timeout = CallTimeout }));
        }

        try
        {
            cluster.Net.Cut(2);
            await PassesAsync(local);
            await cluster.SeesAsync(2, c => c.Hosts.Count(h => h.State == HostState.Up) <= 1, "it is on its own");
            cluster.Net.Mend(2);
            for (var i = 0; i < 3; i++) await cluster.UpAsync(i);

            cluster.Net.Mute(2);
            await PassesAsync(local);
            cluster.Net.Unmute(2);
            for (var i = 0; i < 3; i++) await cluster.UpAsync(i);
        }
        finally
        {
            foreach (var load in local.Concat(anywhere)) await load.StopAsync();
        }

        Assert.Empty(local.SelectMany(l => l.Failures));
        var granted = local.Concat(anywhere).SelectMany(l => l.Granted).ToList();
        Assert.Equal(granted.Count, granted.Distinct().Count());
    }

    /// <summary>The time of the cut is over, and every caller was served in it and to its end.</summary>
    private static async Task PassesAsync(IReadOnlyList<Load> loads)
    {
        var clock = Stopwatch.StartNew();
        await Eventually.Async(() => clock.Elapsed >= Cut, "the cut is over", deadline: Cut * 2);
        await Load.GrantedAsync(loads, 2);
    }
}
