using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// A warm VM of this host, asked for with placement any, while the cluster has one member, ten, fifty, and one again: one daemon with fake
/// QEMU; the other members are simulated in this process, on the same cores.
/// </summary>
public static class ClusterAcquireBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static async Task<int> RunAsync(string dist, int calls)
    {
        await using var cluster = await ClusterUnderTest.StartAsync(dist, null, 16);
        await MeasureAsync(cluster, calls, "");
        var before = await MeasureAsync(cluster, calls, "1 member");
        var simulated = new SimulatedHosts(dist, cluster.At[0].Cluster);
        Figures ten, fifty;
        await using (simulated)
        {
            await GrowAsync(cluster, simulated, 9);
            ten = await MeasureAsync(cluster, calls, "10 members");
            await GrowAsync(cluster, simulated, 49);
            fifty = await MeasureAsync(cluster, calls, "50 members");
        }

        await cluster.SeesAsync(cluster[0], c => c.Hosts.Count == 1);
        var after = await MeasureAsync(cluster, calls, "1 member again");
        foreach (var figures in new[] { before, ten, fifty, after }) Console.WriteLine(figures);
        var one = (before.Milliseconds(50) + after.Milliseconds(50)) / 2;
        Console.WriteLine($"p50 with 10 members, of that with one   {ten.Milliseconds(50) / one:0.00} x   (promised: at most 1.2)");
        Console.WriteLine($"p50 with 50 members, of that with one   {fifty.Milliseconds(50) / one:0.00} x   (promised: at most 1.2)");
        return 0;
    }

    private static async Task GrowAsync(ClusterUnderTest cluster, SimulatedHosts simulated, int to)
    {
        while (simulated.Count < to)
        {
            simulated.Add();
            // One after the other: two cores start no fifty systems at once.
            await cluster.SeesAsync(cluster[0], c => c.Hosts.Count(h => h.State == HostState.Up && h.Pools.Count > 0) == simulated.Count + 1);
        }
    }

    private static async Task<Figures> MeasureAsync(ClusterUnderTest cluster, int calls, string name)
    {
        var figures = new Figures(name);
        for (var call = 0; call < calls; call++)
        {
            await cluster[0].UntilAsync(p => p is { Warm: 16, Warming: 0 }, Limit);
            var from = Stopwatch.GetTimestamp();
            await using var vm = await cluster[0].Client.AcquireAsync("", new AcquireOptions { Placement = Placement.Any, Warm = WarmPreference.Require, AutomaticRenewal = false });
            figures.Add(Stopwatch.GetElapsedTime(from));
        }

        return figures;
    }
}
