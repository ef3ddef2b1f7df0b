using System.Diagnostics;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Real QEMU: how long a pool takes to make ten VMs anew, by clone and by boot; and what an acquire from the warm part of a pool takes
/// while it refills, against the same while it cannot.
/// </summary>
public static class RefillBenchmark
{
    private const int Ten = 10;
    private const int Many = 24;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private static readonly AcquireOptions Options = new() { Warm = WarmPreference.Require, AutomaticRenewal = false };

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var (clone, boot) = (await TenAsync(dist, "clone", rounds), await TenAsync(dist, "boot", 1));
        Console.WriteLine($"ten VMs anew   {clone:0} ms by clone");
        Console.WriteLine($"ten VMs anew by boot   {boot:0} ms");
        Console.WriteLine($"ten VMs anew, boot / clone   {boot / clone:0.0} x   (promised: at least 20)");
        await AcquiresAsync(dist, rounds);
        return 0;
    }

    /// <returns>Milliseconds from the first taken until ten are warm again; the median.</returns>
    private static async Task<double> TenAsync(string dist, string refill, int rounds)
    {
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = {Ten}\n accelerator = tcg\n refill = {refill} }}", Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        List<double> times = [];
        for (var round = 0; round < rounds; round++)
        {
            await daemon.UntilAsync(p => p is { Warm: Ten, Warming: 0 }, Limit);
            var from = Stopwatch.GetTimestamp();
            for (var i = 0; i < Ten; i++) await daemon.Client.GetBaseVmAsync(Limit);
            await daemon.UntilAsync(p => p.Warm == Ten, Limit);
            times.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
            Console.Error.WriteLine($"{refill}, round {round}: {times[^1]:0} ms");
            await daemon.ReleaseAllAsync();
        }

        return Samples.Median(times);
    }

    private static async Task AcquiresAsync(string dist, int rounds)
    {
        // A QEMU that does not start while the file is there: then the pool cannot refill.
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = {Many}\n accelerator = tcg\n refill = clone\n qemu = \"{{0}}/qemu\" }}\n backoff {{ initial = 2s, max = 2s }}",
            "/bin/sh", "-c", $$"""
            printf '#!/bin/sh\n[ ! -e {0}/hold ] || exit 1\nexec $VMCACHE_RUN_AS /usr/bin/qemu-system-x86_64 "$@"\n' > {0}/qemu
            chmod 700 {0}/qemu
            exec {{dist}}/vmcached --config {0}/vmcache.conf
            """);
        var hold = Path.Combine(daemon.Directory, "hold");
        var (still, busy) = (new Figures("acquire, no refill"), new Figures("acquire while the pool refills"));
        for (var round = 0; round < rounds + 1; round++)
        {
            await daemon.UntilAsync(p => p is { Warm: Many, Warming: 0 }, Limit);
            await File.WriteAllTextAsync(hold, "");
            var alone = await TakeAsync(daemon, Many / 2);
            File.Delete(hold);

            await daemon.UntilAsync(p => p is { Warm: Many, Warming: 0 }, Limit);
            for (var i = 0; i < Many / 2; i++) await daemon.Client.GetBaseVmAsync(Limit);
            var beside = await TakeAsync(daemon, Many / 2);
            Console.Error.WriteLine($"round {round}: {Samples.Median(alone.Select(t => t.TotalMilliseconds)):0.0} / {Samples.Median(beside.Select(t => t.TotalMilliseconds)):0.0} ms");
            await daemon.ReleaseAllAsync();
            // The first round warms the rig up.
            if (round == 0) continue;
            alone.ForEach(still.Add);
            beside.ForEach(busy.Add);
        }

        Console.WriteLine(still);
        Console.WriteLine(busy);
        Console.WriteLine($"p99 while refilling / p99 at rest   {busy.Milliseconds(99) / still.Milliseconds(99):0.00}   (promised: at most 3)");
    }

    /// <summary>They are ended afterwards: that takes CPU time too.</summary>
    private static async Task<List<TimeSpan>> TakeAsync(DaemonUnderTest daemon, int count)
    {
        List<TimeSpan> times = [];
        List<LeasedVm> taken = [];
        for (var i = 0; i < count; i++)
        {
            var from = Stopwatch.GetTimestamp();
            taken.Add(await daemon.Client.AcquireAsync("default", Options));
            times.Add(Stopwatch.GetElapsedTime(from));
        }

        foreach (var vm in taken)
        {
            await vm.ReleaseAsync();
            await vm.DisposeAsync();
        }

        return times;
    }
}
