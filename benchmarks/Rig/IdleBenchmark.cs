using System.Diagnostics;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>What a daemon with ten warm VMs costs while nobody asks it anything.</summary>
public static class IdleBenchmark
{
    public static async Task<int> RunAsync(string dist, int seconds)
    {
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = 10\n qemu = \"{Path.Combine(dist, "test", "fake-qemu")}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\"\n accelerator = tcg }}",
            Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        await daemon.UntilAsync(p => p.Warm == 10, TimeSpan.FromMinutes(1));
        await Task.Delay(TimeSpan.FromSeconds(5));

        using var process = Process.GetProcessById(daemon.Pid);
        var before = process.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        process.Refresh();
        var share = (process.TotalProcessorTime - before) / clock.Elapsed;

        Console.WriteLine($"CPU, {seconds} s at rest with 10 warm VMs   {share * 100:0.00} % of a core   (promised: under 1)");
        Console.WriteLine($"resident memory                       {process.WorkingSet64 / 1e6:0} MB          (promised: under 150)");
        return 0;
    }
}
