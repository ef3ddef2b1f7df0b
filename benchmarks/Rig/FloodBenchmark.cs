using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Grpc.Net.Client;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// What a daemon's memory is before, right after and a while after a flood: hundreds of connections, each with its own callers of everything, some with
/// large messages. The daemon has this process's environment, so that settings of its runtime (DOTNET_GC...) can be compared.
/// </summary>
public static class FloodBenchmark
{
    private const int Connections = 200;
    private const int CallersOfEach = 2;
    private const int Calls = 10_000;

    public static async Task<int> RunAsync(string dist, int seconds)
    {
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"pool-defaults {{ vm-cache-number = 10\n qemu = \"{Path.Combine(dist, "test", "fake-qemu")}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\"\n accelerator = tcg }}",
            Path.Combine(dist, "vmcached"), "--config", "{0}/vmcache.conf");
        await daemon.UntilAsync(p => p.Warm == 10, TimeSpan.FromMinutes(1));
        await Task.Delay(TimeSpan.FromSeconds(3));
        using var process = Process.GetProcessById(daemon.Pid);
        var before = Resident(process);

        var (took, figures, cpu) = await FloodAsync(daemon, process);
        var after = Resident(process);
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var later = Resident(process);
        using var one = GetBaseVmBenchmark.Open(daemon.Endpoint);
        var kata = new Kata.Wire.CacheService.CacheServiceClient(one);
        var rest = new Figures("Config at rest, afterwards");
        for (var i = 0; i < 2000; i++) rest.Add(await GetBaseVmBenchmark.TimeAsync(() => kata.ConfigAsync(new Empty()).ResponseAsync));

        Console.WriteLine(figures);
        Console.WriteLine(rest);
        Console.WriteLine($"{Calls} calls by {Connections * CallersOfEach} callers   {Calls / took.TotalSeconds:0} calls/s");
        Console.WriteLine($"CPU of a call   {cpu.TotalMicroseconds / Calls:0} us");
        Console.WriteLine($"resident before   {before:0} MB");
        Console.WriteLine($"resident right after   {after:0} MB");
        Console.WriteLine($"resident {seconds} s later   {later:0} MB");
        return 0;
    }

    private static async Task<(TimeSpan Took, Figures Each, TimeSpan Cpu)> FloodAsync(DaemonUnderTest daemon, Process process)
    {
        var channels = Enumerable.Range(0, Connections).Select(_ => GetBaseVmBenchmark.Open(daemon.Endpoint)).ToList();
        var figures = new Figures("a call of the flood");
        var left = Calls;
        var large = new AcquireRequest { Pool = "unknown", LateBinding = new LateBinding() };
        large.LateBinding.Files.Add(new GuestFile { Path = "/f", Content = Google.Protobuf.ByteString.CopyFrom(new byte[1 << 20]) });
        process.Refresh();
        var (from, cpu) = (Stopwatch.GetTimestamp(), process.TotalProcessorTime);
        try
        {
            await Task.WhenAll(channels.SelectMany(channel => Enumerable.Range(0, CallersOfEach).Select(_ => CallAsync(channel))));
        }
        finally
        {
            foreach (var channel in channels) channel.Dispose();
        }

        process.Refresh();
        return (Stopwatch.GetElapsedTime(from), figures, process.TotalProcessorTime - cpu);

        async Task CallAsync(GrpcChannel channel)
        {
            var (kata, v1, admin) = (new Kata.Wire.CacheService.CacheServiceClient(channel), new VmCache.VmCacheClient(channel), new Admin.AdminClient(channel));
            for (int call; (call = Interlocked.Decrement(ref left)) >= 0;)
            {
                figures.Add(await GetBaseVmBenchmark.TimeAsync(async () =>
                {
                    try
                    {
                        await ((call % 20) switch
                        {
                            0 => v1.AcquireAsync(large).ResponseAsync,
                            1 or 2 or 3 => admin.GetStatusAsync(new GetStatusRequest()).ResponseAsync,
                            4 or 5 or 6 => v1.ListAsync(new ListRequest()).ResponseAsync,
                            _ => (Task)kata.ConfigAsync(new Empty()).ResponseAsync,
                        });
                    }
                    catch (Grpc.Core.RpcException fault) when (fault.StatusCode is Grpc.Core.StatusCode.NotFound or Grpc.Core.StatusCode.Unavailable)
                    {
                        // There is no such pool; and a busy machine's actors do not answer each status in time.
                    }
                }));
            }
        }
    }

    private static double Resident(Process process)
    {
        process.Refresh();
        return process.WorkingSet64 / 1e6;
    }
}
