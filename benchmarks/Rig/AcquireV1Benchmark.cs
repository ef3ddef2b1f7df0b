using System.Diagnostics;
using System.Security.Cryptography;
using Google.Protobuf;
using VmCacheCluster.Agent;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Real QEMU: the stages of an acquire of vmcache.v1 (resume, prepare), as its timeline tells them, against the same on
/// an equal VM that was taken just before: cont over an open monitor, a connection to the agent, one Prepare. In pairs.
/// </summary>
public static class AcquireV1Benchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    public static async Task<int> RunAsync(string dist, int pairs)
    {
        await using var daemon = await DaemonUnderTest.StartAsync(
            "pool-defaults { vm-cache-number = 2\n accelerator = tcg }",
            Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        var (stages, bare, whole) = (new Figures("stages of an acquire"), new Figures("bare cont and prepare"), new Figures("acquire, as its caller sees it"));
        Dictionary<string, Figures> each = [];
        List<double> ratios = [];
        for (var pair = 0; pair < pairs + 1; pair++)
        {
            await daemon.UntilAsync(p => p is { Warm: 2, Warming: 0 }, Limit);
            var taken = await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(Limit)).Id, Limit);
            var alone = await PrepareAsync(taken);
            await daemon.ReleaseAllAsync();

            // Each meets the start of its own refill, and neither the boot that the other one caused.
            await daemon.UntilAsync(p => p is { Warm: 2, Warming: 0 }, Limit);
            var from = Stopwatch.GetTimestamp();
            await using var vm = await daemon.Client.AcquireAsync("default", new AcquireOptions { Warm = WarmPreference.Require, AutomaticRenewal = false });
            var took = Stopwatch.GetElapsedTime(from);
            var sum = TimeSpan.FromTicks(vm.Timeline.Sum(s => s.Took.Ticks));
            await vm.ReleaseAsync();
            Console.Error.WriteLine($"pair {pair}: {sum.TotalMilliseconds:0.0} / {alone.TotalMilliseconds:0.0} ms: {string.Join(", ", vm.Timeline.Select(s => $"{s.Stage} {s.Took.TotalMilliseconds:0.0}"))}");
            // The first pair warms the rig up.
            if (pair == 0) continue;
            foreach (var stage in vm.Timeline)
            {
                if (!each.TryGetValue(stage.Stage, out var figures)) each[stage.Stage] = figures = new Figures($"  {stage.Stage}");
                figures.Add(stage.Took);
            }

            stages.Add(sum);
            bare.Add(alone);
            whole.Add(took);
            ratios.Add(sum / alone);
        }

        Console.WriteLine(whole);
        Console.WriteLine(stages);
        foreach (var figures in each.Values) Console.WriteLine(figures);
        Console.WriteLine(bare);
        Console.WriteLine($"stages / bare, median of {pairs} pairs   {Samples.Median(ratios):0.00}   (promised: at most 1.3)");
        Console.WriteLine($"median of the whole acquire   {whole.Milliseconds(50):0.0} ms   (promised: under 25 ms)");
        return 0;
    }

    private static async Task<TimeSpan> PrepareAsync(Vm vm)
    {
        await using var monitor = await QmpClient.ConnectUnixAsync(vm.Qmp, null, CancellationToken.None);
        var from = Stopwatch.GetTimestamp();
        await monitor.ExecuteAsync("cont", null, CancellationToken.None, Limit);
        await using var channel = await TtrpcClient.ConnectAsync(vm.Agent, null, CancellationToken.None);
        var now = DateTimeOffset.UtcNow;
        var request = new PrepareRequest
        {
            Entropy = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(512)),
            Seconds = now.ToUnixTimeSeconds(),
            Nanoseconds = (uint)(now.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick),
            MachineId = vm.Id.Replace("-", ""),
            Hostname = "bare",
        };
        _ = await new AgentClient(channel).PrepareAsync(request, CancellationToken.None, Limit) ?? throw new InvalidOperationException("the guest has no Prepare");
        return Stopwatch.GetElapsedTime(from);
    }
}
