using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>A constant answer behind the daemon's Unix sockets, which read what clients send, against the same behind Kestrel's own, in turns.</summary>
public static class AuthorityBenchmark
{
    private const int Calls = 3000, WarmUp = 3, Callers = 64, Burst = 20_000;

    public static async Task<int> RunAsync(int rounds)
    {
        var directory = Directory.CreateTempSubdirectory("vmcauth");
        try
        {
            await using var ours = await ServeAsync(Path.Combine(directory.FullName, "a.sock"), gated: true);
            await using var bare = await ServeAsync(Path.Combine(directory.FullName, "b.sock"), gated: false);
            await CompareAsync(directory, rounds);
            return 0;
        }
        finally
        {
            directory.Delete(true);
        }
    }

    private static async Task CompareAsync(DirectoryInfo directory, int rounds)
    {
        using var a = Client(Path.Combine(directory.FullName, "a.sock"));
        using var b = Client(Path.Combine(directory.FullName, "b.sock"));
        List<double> latencies = [], rates = [];
        var (ours, bare) = (new Figures("behind ours"), new Figures("behind Kestrel's own"));
        for (var round = 0; round < rounds + WarmUp; round++)
        {
            var (one, two) = (new Figures("a"), new Figures("b"));
            for (var i = 0; i < Calls; i++)
            {
                one.Add(await GetBaseVmBenchmark.TimeAsync(() => a.GetStringAsync("/")));
                two.Add(await GetBaseVmBenchmark.TimeAsync(() => b.GetStringAsync("/")));
            }

            var (rateA, rateB) = (await RateAsync(a), await RateAsync(b));
            if (round < WarmUp) continue;
            latencies.Add(one.Milliseconds(50) / two.Milliseconds(50));
            rates.Add(rateA / rateB);
            ours.Add(TimeSpan.FromMilliseconds(one.Milliseconds(50)));
            bare.Add(TimeSpan.FromMilliseconds(two.Milliseconds(50)));
        }

        Console.WriteLine(ours);
        Console.WriteLine(bare);
        Console.WriteLine($"p50 ratio, median of {rounds} rounds               {Samples.Median(latencies):0.00} ({latencies.Min():0.00} to {latencies.Max():0.00})");
        Console.WriteLine($"calls/s ratio, {Callers} callers, median of {rounds}    {Samples.Median(rates):0.00} ({rates.Min():0.00} to {rates.Max():0.00})");
    }

    private static async Task<double> RateAsync(HttpClient client)
    {
        var left = Burst;
        var took = await GetBaseVmBenchmark.TimeAsync(() => Task.WhenAll(Enumerable.Range(0, Callers).Select(async _ =>
        {
            while (Interlocked.Decrement(ref left) >= 0) await client.GetStringAsync("/");
        })));
        return Burst / took.TotalSeconds;
    }

    private static HttpClient Client(string socket) => new(GetBaseVmBenchmark.Handler(socket))
    {
        BaseAddress = new Uri("http://localhost"),
        DefaultRequestVersion = new Version(2, 0),
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    private static async Task<WebApplication> ServeAsync(string socket, bool gated)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Logging.ClearProviders();
        if (gated) builder.Services.AddGatedConnections(new ConnectionLimits(100, 100));
        var app = builder.Build();
        app.Run(call => call.Response.WriteAsync("x"));
        await app.StartAsync();
        return app;
    }
}
