using System.Diagnostics;
using Grpc.Core;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// A warm VM of another host (fake QEMU, TLS between the nodes), against the least hop there can be (<see cref="Relay"/>): to that host's own
/// acquire, and to a constant answer. In turns.
/// </summary>
public static class RemoteAcquireBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var certificates = await ClusterUnderTest.CertificatesAsync(dist);
        await using var cluster = await ClusterUnderTest.StartAsync(dist, certificates, 0, 24);
        var relay = new ProcessStartInfo(Environment.ProcessPath!);
        foreach (var argument in new[] { "relay", certificates, certificates, $"{ClusterUnderTest.FreeAddress().Port}", $"{cluster.At[1].Peer.Port}" }) relay.ArgumentList.Add(argument);
        using var hop = Process.Start(relay)!;
        try
        {
            using var channel = GetBaseVmBenchmark.Open(Path.Combine(certificates, "relay.sock"));
            using var own = GetBaseVmBenchmark.Open(cluster[0].Endpoint);
            using var there = GetBaseVmBenchmark.Open(cluster[1].Endpoint);
            var (remote, passed, bare, local) = (new Figures("acquire from another host"), new Figures("the same through a bare hop"), new Figures("constant answer through it"), new Figures("acquire on that host itself"));
            var first = TimeSpan.Zero;
            List<double> toPassed = [], toBare = [];
            for (var round = -20; round < rounds; round++)
            {
                await cluster[1].UntilAsync(p => p is { Warm: 24, Warming: 0 }, Limit);
                var a = await AcquireAsync(own, Placement.Any, "default", there);
                await cluster[1].UntilAsync(p => p is { Warm: 24, Warming: 0 }, Limit);
                var b = await AcquireAsync(channel, Placement.Local, "default", there);
                var c = await AcquireAsync(channel, Placement.Local, "constant");
                await cluster[1].UntilAsync(p => p is { Warm: 24, Warming: 0 }, Limit);
                var d = await AcquireAsync(there, Placement.Local, "default", there);
                if (round == -20) first = a;
                if (round < 0) continue;
                remote.Add(a);
                passed.Add(b);
                bare.Add(c);
                local.Add(d);
                toPassed.Add(a / b);
                toBare.Add(a / c);
            }

            foreach (var figures in new[] { remote, passed, bare, local }) Console.WriteLine(figures);
            Console.WriteLine($"the first one, with its TLS connection   {first.TotalMilliseconds:0} ms");
            Console.WriteLine($"remote / the same through a bare hop, median of {rounds}   {Samples.Median(toPassed):0.00}");
            Console.WriteLine($"remote / constant answer through a bare hop, median of {rounds}   {Samples.Median(toBare):0.00}   (promised: at most 2)");
            return 0;
        }
        finally
        {
            hop.Kill();
            await hop.WaitForExitAsync();
        }
    }

    private static async Task<TimeSpan> AcquireAsync(ChannelBase channel, Placement placement, string pool, ChannelBase? releases = null)
    {
        var calls = new VmCache.VmCacheClient(channel);
        var from = Stopwatch.GetTimestamp();
        var taken = await calls.AcquireAsync(new AcquireRequest { Pool = pool, Placement = placement, Warm = WarmPreference.Require }, deadline: DateTime.UtcNow.AddSeconds(20));
        var took = Stopwatch.GetElapsedTime(from);
        if (releases is not null) await new VmCache.VmCacheClient(releases).ReleaseAsync(new ReleaseRequest { Id = taken.Vm.Id, Token = taken.Lease.Token }, deadline: DateTime.UtcNow.AddSeconds(20));
        return took;
    }
}
