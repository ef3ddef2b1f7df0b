using System.Diagnostics;
using System.Net;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Templates;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.Templates;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// Real QEMU, a guest of 256 MiB: a template that comes from another store by the daemon's own service and client, over the loopback interface
/// and without TLS, against one that is made by a boot. Both are proved by a clone.
/// </summary>
public static class TemplateBenchmark
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    public static async Task<int> RunAsync(string dist, int rounds)
    {
        var directory = Directory.CreateDirectory($"/dev/shm/vmctempl-{Guid.NewGuid():N}"[..26]).FullName;
        try
        {
            using var users = Unprivileged.Users();
            var options = new QemuHypervisorOptions { RunDirectory = $"{directory}/run", ClientDirectory = $"{directory}/client", Users = users };
            TemplateStore Store(string name) => new($"{directory}/{name}", options, new ThrowAwayVms(options, new LinuxHostClock()), new LinuxHostClock(), TimeProvider.System);
            var spec = CloneBenchmark.Spec(dist);
            var (boot, take) = (new Figures("made by a boot, until proved"), new Figures("taken from a peer, until proved"));
            List<double> ratios = [];
            for (var round = 0; round < rounds + 1; round++)
            {
                using var maker = Store($"made-{round}");
                var from = Stopwatch.GetTimestamp();
                var template = await maker.MakeAsync(spec, Limit, None);
                var made = Stopwatch.GetElapsedTime(from);
                await using var peer = await Peer.StartAsync(maker);
                using var taker = Store($"taken-{round}");
                from = Stopwatch.GetTimestamp();
                var taken = await taker.TakeAsync(spec, peer, DateTimeOffset.MinValue, Limit, None);
                var took = Stopwatch.GetElapsedTime(from);
                Console.Error.WriteLine($"{template.MemoryBytes / 1048576.0:0.0} MiB made in {made.TotalMilliseconds:0} ms; {taken!.Told}");
                // The first round warms the rig up.
                if (round == 0) continue;
                boot.Add(made);
                take.Add(took);
                ratios.Add(made / took);
            }

            Console.WriteLine(boot);
            Console.WriteLine(take);
            Console.WriteLine($"made / taken, median of {rounds} rounds   {Samples.Median(ratios):0.0} x");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        return 0;
    }

    /// <summary>A node that has a template, and the way to it.</summary>
    private sealed class Peer(WebApplication app, GrpcChannel channel) : ITemplatePeers, IAsyncDisposable
    {
        public static async Task<Peer> StartAsync(ITemplateLender lender)
        {
            const int port = 47510;
            var options = new NodeOptions
            {
                Endpoint = "", RunDirectory = "", ClientDirectory = "", TemplateDirectory = "", BootParallelism = 1, Pools = [],
                Templates = new TemplateLimits(TimeSpan.Zero, null), Memory = new MemoryLimits(0, null), Stop = new StopDeadlines(default, default, default),
                Cluster = new ClusterOptions
                {
                    Name = "bench", Node = new NodeName("peer"), Listen = default, Advertise = default, PeerPort = port, Seeds = [],
                    SplitStableAfter = default, AcceptablePause = default, MaxClockSkew = default,
                },
            };
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
            builder.Services.AddGrpc();
            builder.Services.AddSingleton(new TemplatePeerService(lender, new SendBudget(null, TimeProvider.System), new ClusterEdge(options, new ClusterFace())));
            var app = builder.Build();
            app.MapGrpcService<TemplatePeerService>();
            await app.StartAsync();
            return new Peer(app, GrpcChannel.ForAddress($"http://127.0.0.1:{port}"));
        }

        public Task<IReadOnlyList<ITemplatePeer>> FindAsync(TemplateDigest digest, CancellationToken cancel)
            => Task.FromResult<IReadOnlyList<ITemplatePeer>>([new NodeTemplates("peer", channel)]);

        public async ValueTask DisposeAsync()
        {
            channel.Dispose();
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }
}
