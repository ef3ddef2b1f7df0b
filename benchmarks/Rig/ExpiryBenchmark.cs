using System.Diagnostics;
using VmCacheCluster.Client;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Fake QEMU: from the moment at which a lease that nobody renews expires until its VM's process is gone.</summary>
public static class ExpiryBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    public static async Task<int> RunAsync(string dist, int leases)
    {
        var fake = Path.Combine(dist, "test", "fake-qemu");
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = 4\n accelerator = tcg\n qemu = \"{fake}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\" }}",
            Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        await daemon.UntilAsync(p => p.Warm == 4, Limit);
        var late = new Figures("process gone after its lease");
        var early = 0;
        for (var i = 0; i < leases; i++)
        {
            var vm = await daemon.Client.AcquireAsync("", new AcquireOptions { Ttl = TimeSpan.FromSeconds(1), AutomaticRenewal = false });
            await vm.RenewAsync();
            var clock = Stopwatch.StartNew();
            while (IsAlive(vm.Vm.Pid))
            {
                if (clock.Elapsed > Limit) throw new TimeoutException($"VM {vm.Id} outlives its lease");
                await Task.Delay(2);
            }

            var after = DateTimeOffset.UtcNow - vm.ExpiresAt;
            if (after < TimeSpan.Zero) early++;
            else late.Add(after);
        }

        Console.WriteLine(late);
        Console.WriteLine($"slowest   {late.Milliseconds(100):0} ms   (promised: under 1000 ms)   before their time: {early}");
        return 0;
    }

    /// <summary>A zombie has no command line.</summary>
    private static bool IsAlive(long pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Length > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
