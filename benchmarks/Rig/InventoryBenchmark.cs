using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Three daemons with fake QEMU: from an acquire on one until another one's cluster status shows one VM less there; and what callers meet when a daemon
/// is killed: callers of a host without VMs, each with a deadline of two seconds.
/// </summary>
public static class InventoryBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var certificates = await ClusterUnderTest.CertificatesAsync(dist);
        await using var cluster = await ClusterUnderTest.StartAsync(dist, certificates, 0, 16, 16);
        var seen = new Figures("seen by another host after");
        for (var round = 0; round < rounds; round++)
        {
            await cluster.SeesAsync(cluster[0], c => c.Hosts.Skip(1).All(h => h.Pools[0] is { Warm: 16, Warming: 0 }));
            // Its refill takes long enough to be seen.
            await File.WriteAllTextAsync(Path.Combine(cluster[1].Directory, "kernel"), "boot-delay=3s");
            await using (await cluster[1].Client.AcquireAsync("", new AcquireOptions { Warm = WarmPreference.Require, AutomaticRenewal = false }))
            {
                var from = Stopwatch.GetTimestamp();
                while ((await cluster[0].Client.GetClusterAsync(Limit)).Hosts.Single(h => h.Node == "d1").Pools[0].Warm == 16) await Task.Delay(2);
                seen.Add(Stopwatch.GetElapsedTime(from));
            }

            await File.WriteAllTextAsync(Path.Combine(cluster[1].Directory, "kernel"), "\n");
        }

        Console.WriteLine($"{seen}   (promised: within 1 s)");
        for (var kill = 1; kill <= 3; kill++) await KillAsync(cluster, $"a daemon is killed, time {kill}");
        await cluster.SeesAsync(cluster[0], c => c.Hosts.Count == 3);
        return 0;
    }

    private static async Task KillAsync(ClusterUnderTest cluster, string what)
    {
        await cluster.SeesAsync(cluster[0], c => c.Hosts.Count == 3 && c.Hosts.All(h => h.State == HostState.Up && h.Pools.All(p => p.Warm == p.Target)));
        List<(double At, double Took, string Host)> calls = [];
        var (failed, last) = (0, "");
        var clock = Stopwatch.StartNew();
        var killed = 0.0;
        while (clock.Elapsed < TimeSpan.FromSeconds(12))
        {
            if (killed == 0 && clock.Elapsed > TimeSpan.FromSeconds(2))
            {
                Process.GetProcessById(cluster[1].Pid).Kill();
                killed = clock.Elapsed.TotalSeconds;
            }

            var from = clock.Elapsed.TotalSeconds;
            try
            {
                await using var vm = await cluster[0].Client.AcquireAsync("", new AcquireOptions { Placement = Placement.Any, Timeout = TimeSpan.FromSeconds(2), AutomaticRenewal = false });
                calls.Add((from, clock.Elapsed.TotalSeconds - from, vm.Host));
            }
            catch (VmCacheException fault)
            {
                failed++;
                last = fault.Message;
            }

            await Task.Delay(30);
        }

        var before = calls.Where(c => c.At < killed).Select(c => c.Took).Order().ToList();
        var slow = calls.Where(c => c.At >= killed && c.Took > before[^1] * 2).ToList();
        Console.WriteLine($"{what}: acquires   {calls.Count}");
        Console.WriteLine($"{what}: failed   {failed}   (promised: none){(last.Length > 0 ? $" {last}" : "")}");
        Console.WriteLine($"{what}: before it   p50 {before[before.Count / 2] * 1000:0} ms");
        Console.WriteLine($"{what}: slowest before it   {before[^1] * 1000:0} ms");
        Console.WriteLine($"{what}: slowest after it   {calls.Where(c => c.At >= killed).Max(c => c.Took) * 1000:0} ms");
        Console.WriteLine($"{what}: so long after it came one of twice the slowest before   {(slow.Count > 0 ? slow.Max(c => c.At) - killed : 0):0.0} s   (promised: within 3 s)");
        await cluster[1].ReplaceAsync();
    }
}
