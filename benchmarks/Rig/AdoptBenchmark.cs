using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// A daemon with warm VMs is killed and another one started over its run directory: how long until all its VMs are warm again,
/// how long of that the same daemon takes to start with nothing to adopt, and how long callers wait meanwhile.
/// </summary>
public static class AdoptBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var fake = Path.Combine(dist, "test", "fake-qemu");
        await MeasureAsync(dist, "fake VMs", 50, rounds, 1000, $"qemu = \"{fake}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\"");
        await MeasureAsync(dist, "real VMs", 10, rounds, 2000, "memory = 128MiB");
        return 0;
    }

    private static async Task MeasureAsync(string dist, string what, int number, int rounds, int promised, string pool)
    {
        await using var daemon = await StartAsync(dist, number, pool);
        await using var empty = await StartAsync(dist, 0, pool);
        var (all, start, status, acquire) = (
            new Figures($"all {number} {what} warm again"), new Figures($"{what}: start with nothing to adopt"), new Figures($"{what}: status meanwhile, slowest"),
            new Figures($"{what}: GetBaseVM meanwhile"));
        List<double> adoptions = [];
        for (var round = 0; round < rounds; round++)
        {
            var alone = await FirstAnswerAsync(await empty.ReplaceAsync(), empty.Client);
            var before = (await daemon.UntilAsync(p => p.Warm == number && p is { Warming: 0, Leased: 0 }, Limit)).Vms.Select(v => v.Id).ToHashSet();
            var from = await daemon.ReplaceAsync();
            var answered = await FirstAnswerAsync(from, daemon.Client);
            var taking = TimeAsync(() => daemon.Client.GetBaseVmAsync(Limit));
            var slowest = TimeSpan.Zero;
            while (true)
            {
                NodeStatus? seen = null;
                var took = await TimeAsync(async () => seen = await daemon.Client.GetStatusAsync(Limit));
                slowest = took > slowest ? took : slowest;
                if (seen!.Pools.SelectMany(p => p.Vms).Count(v => before.Contains(v.Id) && v.State is VmState.Warm or VmState.Leased) == number) break;
                if (Stopwatch.GetElapsedTime(from) > Limit) throw new TimeoutException($"not all VMs were adopted: {seen}");
            }

            var whole = Stopwatch.GetElapsedTime(from);
            all.Add(whole);
            start.Add(alone);
            status.Add(slowest);
            acquire.Add(await taking);
            adoptions.Add((whole - alone).TotalMilliseconds);
            Console.Error.WriteLine($"{what}, round {round}: all after {whole.TotalMilliseconds:0} ms, first answer after {answered.TotalMilliseconds:0} ms, empty {alone.TotalMilliseconds:0} ms");
            await daemon.ReleaseAllAsync();
        }

        foreach (var figures in new[] { all, start, status, acquire }) Console.WriteLine(figures);
        Console.WriteLine($"adopting {number} {what}, median of {rounds} rounds   {Samples.Median(adoptions):0} ms   (promised: under {promised} ms)");
    }

    private static Task<DaemonUnderTest> StartAsync(string dist, int number, string pool) => DaemonUnderTest.StartAsync(
        $"boot-parallelism = 2\n pool-defaults {{ vm-cache-number = {number}\n accelerator = tcg\n {pool} }}",
        Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");

    private static async Task<TimeSpan> FirstAnswerAsync(long from, VmCacheClient client)
    {
        while (true)
        {
            try
            {
                await client.GetStatusAsync(Limit);
                return Stopwatch.GetElapsedTime(from);
            }
            catch (VmCacheException) when (Stopwatch.GetElapsedTime(from) < Limit)
            {
                await Task.Delay(5);
            }
        }
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> call)
    {
        var from = Stopwatch.GetTimestamp();
        await call();
        return Stopwatch.GetElapsedTime(from);
    }
}
