using System.Diagnostics;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Templates;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Real QEMU, a guest of 256 MiB: clones against a bare script that starts QEMU on the same template and loads it, and against boots;
/// what clones take of the host's memory; how soon their agents answer; how soon a daemon with a stored template is warm.
/// </summary>
public static class CloneBenchmark
{
    private static readonly CancellationToken None = CancellationToken.None;

    public static async Task<int> RunAsync(string dist, int pairs)
    {
        var directory = Directory.CreateDirectory($"/dev/shm/vmcclone-{Guid.NewGuid():N}"[..26]).FullName;
        try
        {
            using var users = Unprivileged.Users();
            var options = new QemuHypervisorOptions { RunDirectory = $"{directory}/run", ClientDirectory = $"{directory}/client", Users = users };
            var clock = new LinuxHostClock();
            using var store = new TemplateStore($"{directory}/templates", options, new ThrowAwayVms(options, clock), clock, TimeProvider.System);
            var guests = new Guests(new QemuHypervisor(options, clock), store, Spec(dist));
            var from = Stopwatch.GetTimestamp();
            await guests.MakeTemplateAsync();
            Console.WriteLine($"template made, saved and proved in {Stopwatch.GetElapsedTime(from).TotalMilliseconds:0} ms");
            await SpeedAsync(guests, new BareClone(directory, Spec(dist)), pairs);
            await MemoryAsync(guests);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        await StartAsync(dist);
        return 0;
    }

    internal static VmSpec Spec(string dist) => new()
    {
        Pool = PoolName.Default, Qemu = "/usr/bin/qemu-system-x86_64", Kernel = $"{dist}/guest/vmlinuz", Initrd = $"{dist}/guest/initrd.img",
        KernelParameters = "console=ttyS0 console=hvc0 quiet panic=-1 reboot=k tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.noaux cryptomgr.notests noreplace-smp random.trust_cpu=on net.ifnames=0 swiotlb=1024",
        MaxCpus = 4, MemorySlots = 10, MaxMemoryMiB = 16 * 1024,
    };

    private static async Task SpeedAsync(Guests guests, BareClone script, int pairs)
    {
        var (bare, clone, primed, boot) = (
            new Figures("bare QEMU start and load"), new Figures("clone until loaded"), new Figures("clone until primed and paused"), new Figures("boot until paused"));
        var (answer, cold) = (new Figures("primed: resume until answer"), new Figures("unprimed: resume until answer"));
        List<double> ratios = [];
        for (var pair = 0; pair < pairs + 1; pair++)
        {
            var alone = await script.TimeAsync();
            var from = Stopwatch.GetTimestamp();
            await using var vm = await guests.CloneAsync();
            var loaded = Stopwatch.GetElapsedTime(from);
            var first = await Guests.AnswerAsync(vm);
            await vm.StopAsync(None);

            from = Stopwatch.GetTimestamp();
            await using var another = await guests.ClonePrimedAsync();
            var whole = Stopwatch.GetElapsedTime(from);
            var second = await Guests.AnswerAsync(another);
            await another.StopAsync(None);
            // The first pair warms the rig up.
            if (pair == 0) continue;
            bare.Add(alone);
            clone.Add(loaded);
            primed.Add(whole);
            cold.Add(first);
            answer.Add(second);
            ratios.Add(loaded / alone);
        }

        for (var i = 0; i < 3; i++)
        {
            var from = Stopwatch.GetTimestamp();
            await using var vm = await guests.BootAsync();
            boot.Add(Stopwatch.GetElapsedTime(from));
            await vm.StopAsync(None);
        }

        foreach (var figures in new[] { bare, clone, primed, boot, cold, answer }) Console.WriteLine(figures);
        Console.WriteLine($"clone / bare, median of {pairs} pairs   {Samples.Median(ratios):0.00}   (promised: at most 1.3)");
        Console.WriteLine($"boot / clone, medians   {boot.Milliseconds(50) / clone.Milliseconds(50):0} x unprimed   (promised: at least 25)");
        Console.WriteLine($"boot / primed clone, medians   {boot.Milliseconds(50) / primed.Milliseconds(50):0} x   (promised: at least 25)");
        Console.WriteLine($"resume until the agent answers, primed   {answer.Milliseconds(50):0.0} ms   (promised: under 10 ms median)");
    }

    private static async Task MemoryAsync(Guests guests)
    {
        const int many = 20;
        var held = new List<IVm>();
        try
        {
            // Beside others: what one alone has of QEMU's own code counts as private.
            for (var i = 0; i < 3; i++) held.Add(await guests.CloneAsync());
            Console.WriteLine($"private memory of an unprimed clone   {Samples.Median(held.Select(c => HostMemory.Of(c).PrivateMiB)):0.0} MiB   (promised: at most 24)");
            foreach (var unprimed in held) await unprimed.StopAsync(None);
            var booted = await guests.BootAsync();
            held.Add(booted);
            var alone = HostMemory.Of(booted);
            await booted.StopAsync(None);
            var clones = new List<IVm>();
            for (var i = 0; i < many; i++)
            {
                clones.Add(await guests.ClonePrimedAsync());
                held.Add(clones[^1]);
            }

            Console.WriteLine($"private memory of a primed clone   {Samples.Median(clones.Select(c => HostMemory.Of(c).PrivateMiB)):0.0} MiB   (promised: at most 36)");
            var together = clones.Sum(c => HostMemory.Of(c).ProportionalMiB);
            Console.WriteLine($"{many} primed clones   {together:0} MiB together");
            Console.WriteLine($"{many} primed clones, of as many booted VMs   {100 * together / (many * alone.ProportionalMiB):0.0} %   (promised: at most 25)");
        }
        finally
        {
            foreach (var vm in held)
            {
                await vm.StopAsync(None);
                await vm.DisposeAsync();
            }
        }
    }

    private static async Task StartAsync(string dist)
    {
        var limit = TimeSpan.FromMinutes(2);
        await using var daemon = await DaemonUnderTest.StartAsync(
            "pool-defaults { vm-cache-number = 4\n accelerator = tcg\n refill = clone }", Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        List<double> starts = [];
        for (var round = 0; round < 3; round++)
        {
            await daemon.UntilAsync(p => p.Warm == 4, limit);
            await daemon.Client.DrainAsync(limit);
            await daemon.UntilAsync(p => p.Vms.Count == 0, limit);
            var from = await daemon.ReplaceAsync();
            await daemon.UntilAsync(p => p.Warm == 4, limit);
            starts.Add(Stopwatch.GetElapsedTime(from).TotalMilliseconds);
        }

        Console.WriteLine($"daemon's start until 4 are warm, template stored, median of 3   {Samples.Median(starts):0} ms   (promised: under 3000 ms)");
    }
}
