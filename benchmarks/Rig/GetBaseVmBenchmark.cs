using System.Diagnostics;
using System.Net.Sockets;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// GetBaseVM from a warm pool of fake VMs against a method of the same server that answers a message of the same size from
/// memory; both over one connection, in turns within one run, so that the machine's drift meets both.
/// </summary>
public static class GetBaseVmBenchmark
{
    private const int Warm = 900;

    /// <summary>Until then the runtime still compiles what it has found to be hot.</summary>
    private const int WarmUpRounds = 3;

    private const int Sequential = 60;
    private const int Burst = 768;
    private const int Callers = 64;

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var fake = Path.Combine(dist, "test", "fake-qemu");
        await using var daemon = await DaemonUnderTest.StartAsync(
            $"boot-parallelism = 2\n memory-reserve = 0MiB\n pool-defaults {{ vm-cache-number = {Warm}, qemu = \"{fake}\"\n kernel = \"{{0}}/kernel\"\n initrd = \"{{0}}/initrd\"\n accelerator = tcg }}",
            Environment.ProcessPath!, "get-base-vm-server", "{0}");
        using var channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = Handler(daemon.Endpoint) });
        var calls = channel.CreateCallInvoker();
        var kata = new Kata.Wire.CacheService.CacheServiceClient(calls);

        var real = new Figures("GetBaseVM, 1 caller");
        var constant = new Figures("constant answer, 1 caller");
        List<double> latencyRatios = [], rateRatios = [], rates = [], constantRates = [];
        for (var round = 0; round < rounds + WarmUpRounds; round++)
        {
            await SetBootDelayAsync(daemon, "\n");
            await daemon.UntilAsync(p => p.Warm >= Warm, TimeSpan.FromMinutes(4));
            // While it is measured, the pool refills as always, but its new VMs take their time.
            await SetBootDelayAsync(daemon, "boot-delay=5s");

            var (a, b) = (new Figures("a"), new Figures("b"));
            for (var i = 0; i < Sequential; i++)
            {
                var one = await TimeAsync(() => kata.GetBaseVMAsync(new Empty()).ResponseAsync);
                var two = await TimeAsync(() => ConstantAsync(calls));
                (i < Sequential / 10 ? new Figures("") : a).Add(one);
                (i < Sequential / 10 ? new Figures("") : b).Add(two);
                if (round < WarmUpRounds) continue;
                real.Add(one);
                constant.Add(two);
            }

            var constantRate = await RateAsync(() => ConstantAsync(calls));
            var rate = await RateAsync(() => kata.GetBaseVMAsync(new Empty()).ResponseAsync);
            constantRate = (constantRate + await RateAsync(() => ConstantAsync(calls))) / 2;
            await SetBootDelayAsync(daemon, "\n");
            await daemon.ReleaseAllAsync();
            Console.Error.WriteLine($"round {round}: p50 {a.Milliseconds(50):0.000} / {b.Milliseconds(50):0.000} ms, {rate:0} / {constantRate:0} calls/s");
            if (round < WarmUpRounds) continue;
            latencyRatios.Add(a.Milliseconds(50) / b.Milliseconds(50));
            rateRatios.Add(rate / constantRate);
            rates.Add(rate);
            constantRates.Add(constantRate);
        }

        Console.WriteLine(real);
        Console.WriteLine(constant);
        Console.WriteLine($"p50 ratio, median of {rounds} rounds       {Samples.Median(latencyRatios):0.00}   (promised: at most 1.2)");
        Console.WriteLine($"GetBaseVM, {Callers} callers   {Samples.Median(rates):0} calls/s");
        Console.WriteLine($"constant answer, {Callers} callers   {Samples.Median(constantRates):0} calls/s");
        Console.WriteLine($"calls/s ratio, median of {rounds} rounds   {Samples.Median(rateRatios):0.00}   (promised: at least 0.8)");
        return 0;
    }

    internal static GrpcChannel Open(string endpoint) => GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = Handler(endpoint), DisposeHttpClient = true });

    internal static SocketsHttpHandler Handler(string endpoint) => new()
    {
        ConnectCallback = async (_, cancel) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint), cancel);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    private static Task SetBootDelayAsync(DaemonUnderTest daemon, string directive)
        => File.WriteAllTextAsync(Path.Combine(daemon.Directory, "kernel"), directive);

    private static async Task ConstantAsync(CallInvoker calls)
        => await calls.AsyncUnaryCall(GetBaseVmServer.Constant, null, new CallOptions(), new Empty()).ResponseAsync;

    internal static async Task<TimeSpan> TimeAsync(Func<Task> call)
    {
        var from = Stopwatch.GetTimestamp();
        await call();
        return Stopwatch.GetElapsedTime(from);
    }

    private static async Task<double> RateAsync(Func<Task> call)
    {
        var left = Burst;
        var from = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0) await call();
        }));
        return Burst / Stopwatch.GetElapsedTime(from).TotalSeconds;
    }
}
