using System.Diagnostics;
using VmCacheCluster.Agent;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Real QEMU: from the request for a warm VM until the agent of the resumed VM has answered, against the bare cont and agent
/// call on an equal VM that was taken before; in pairs. Beside it, a cold boot of the same VM.
/// </summary>
public static class AcquireBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    public static async Task<int> RunAsync(string dist, int pairs)
    {
        await using var daemon = await DaemonUnderTest.StartAsync(
            "pool-defaults { vm-cache-number = 2\n accelerator = tcg }",
            Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        var (acquire, bare) = (new Figures("acquire until the agent answers"), new Figures("bare cont and agent call"));
        List<double> ratios = [];
        for (var pair = 0; pair < pairs + 1; pair++)
        {
            await daemon.UntilAsync(p => p is { Warm: 2, Warming: 0 }, Limit);
            var taken = await daemon.Client.GetAsync((await daemon.Client.GetBaseVmAsync(Limit)).Id, Limit);

            var from = Stopwatch.GetTimestamp();
            await ResumeAsync(taken.Qmp, taken.Agent);
            var alone = Stopwatch.GetElapsedTime(from);

            from = Stopwatch.GetTimestamp();
            var received = Kata.GrpcVmFormat.Read(await daemon.Client.GetBaseVmAsync(Limit));
            await ResumeAsync(received.Qmp, Path.Combine(received.ClientDirectory, "agent.sock"));
            var whole = Stopwatch.GetElapsedTime(from);

            await daemon.ReleaseAllAsync();
            // The first pair warms the rig up.
            if (pair == 0) continue;
            bare.Add(alone);
            acquire.Add(whole);
            ratios.Add(whole / alone);
        }

        var cold = new Figures("cold boot until the agent answers");
        await using (var empty = await DaemonUnderTest.StartAsync(
            "pool-defaults { vm-cache-number = 0\n accelerator = tcg }", Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf"))
        {
            await empty.UntilAsync(_ => true, Limit);
            for (var i = 0; i < 3; i++)
            {
                var from = Stopwatch.GetTimestamp();
                var received = Kata.GrpcVmFormat.Read(await empty.Client.GetBaseVmAsync(Limit));
                await ResumeAsync(received.Qmp, Path.Combine(received.ClientDirectory, "agent.sock"));
                cold.Add(Stopwatch.GetElapsedTime(from));
                await empty.ReleaseAllAsync();
            }
        }

        Console.WriteLine(acquire);
        Console.WriteLine(bare);
        Console.WriteLine(cold);
        Console.WriteLine($"acquire / bare, median of {pairs} pairs   {Samples.Median(ratios):0.00}   (promised: at most 1.5)");
        Console.WriteLine($"cold boot / acquire, medians         {cold.Milliseconds(50) / acquire.Milliseconds(50):0}");
        return 0;
    }

    private static async Task ResumeAsync(string qmp, string agent)
    {
        await using var channel = await TtrpcClient.ConnectAsync(agent, null, CancellationToken.None);
        await using var monitor = await QmpClient.ConnectUnixAsync(qmp, null, CancellationToken.None);
        await monitor.ExecuteAsync("cont", null, CancellationToken.None, Limit);
        if (!await new AgentClient(channel).CheckAsync(CancellationToken.None, Limit)) throw new InvalidOperationException("the agent does not serve");
    }
}
