using Akka.Actor;
using Akka.Configuration;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>Members of a cluster without VMs: each a cluster system as a daemon has it, over TCP, and in front of it a host that says it has eight warm ones.</summary>
public sealed class SimulatedHosts(string dist, NodeAddress seed) : IAsyncDisposable
{
    private readonly Config _config = ConfigurationFactory.ParseString("akka.loglevel = ERROR\nakka.stdout-loglevel = OFF")
        .WithFallback(ConfigurationFactory.ParseString(File.ReadAllText(Path.Combine(dist, "..", "hocon", "akka.cluster.conf"))));

    private readonly ActorSystem _hosts = ActorSystem.Create("hosts", "akka.loglevel = ERROR\nakka.stdout-loglevel = OFF");
    private readonly List<ActorSystem> _members = [];

    public int Count => _members.Count;

    public void Add()
    {
        var at = ClusterUnderTest.FreeAddress();
        var options = new ClusterOptions
        {
            Name = "vmcache", Node = new NodeName($"s{_members.Count}"), Listen = at, Advertise = at, PeerPort = 1, Seeds = [new Seed(SeedKind.Address, seed.ToString())],
            SplitStableAfter = TimeSpan.FromSeconds(10), AcceptablePause = TimeSpan.FromSeconds(3), MaxClockSkew = TimeSpan.FromSeconds(5),
        };
        var ports = new ClusterPorts(new Nowhere(), _hosts.ActorOf(Props.Create(() => new Idle())), new EventJournal(TimeProvider.System), TimeProvider.System, Random.Shared.NextDouble);
        _members.Add(ClusterSystem.Start(new ClusterPlan(options, new HostFace(options.Node, options.Peer, null, "1.0", options.Labels)), ports, _config, DoorTimes.Usual));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members) await member.Terminate();
        await _hosts.Terminate();
    }

    private sealed class Idle : ReceiveActor
    {
        public Idle() => Receive<GetNodeView>(_ => Sender.Tell(new NodeView([new PoolView(PoolName.Default, null, 8, 8, 0, 0, 0, "", Accelerator.Tcg, "", [], [])], Starting: false)));
    }

    private sealed class Nowhere : IClusterHost
    {
        public Task<ClusterMemory?> RecallAsync(CancellationToken cancel) => Task.FromResult<ClusterMemory?>(null);

        public Task RememberAsync(ClusterMemory memory, CancellationToken cancel) => Task.CompletedTask;

        public Task<SeedsResolved> ResolveAsync(IReadOnlyList<Seed> seeds, CancellationToken cancel)
            => Task.FromResult(new SeedsResolved([.. seeds.Select(s => NodeAddress.TryParse(s.Where, out var at) ? at : throw new FormatException(s.Where))], []));

        public Task<string?> WhyDistrustedAsync(NodeAddress at, CancellationToken cancel) => Task.FromResult<string?>(null);

        public Task<Silence> WhySilentAsync(NodeAddress at, CancellationToken cancel) => Task.FromResult(new Silence("it does not answer"));
    }
}
