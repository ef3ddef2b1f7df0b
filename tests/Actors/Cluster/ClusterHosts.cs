using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>Hosts on the loopback interface, each with a cluster system as in production and a host system that says what a test wants.</summary>
public sealed class ClusterHosts : IAsyncDisposable
{
    /// <summary>Production's, in less time.</summary>
    public static readonly DoorTimes Times = new(
        TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(200), TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));

    private readonly Config _config = ConfigurationFactory.ParseString("akka.loglevel = ERROR\nakka.stdout-loglevel = OFF")
        .WithFallback(ConfigurationFactory.ParseString(File.ReadAllText(Path.Combine(Repository.Root, "hocon", "akka.cluster.conf"))));

    private readonly List<ClusterHost> _hosts = [];

    public ClusterHost Start(string name, IEnumerable<NodeAddress> seeds, bool bootstrap = false, Func<ClusterOptions, ClusterOptions>? with = null, Func<NodeAddress, ClusterMemory>? memory = null, DoorTimes? times = null, string? reportsAs = null)
    {
        var options = new ClusterOptions
        {
            Name = "test",
            Node = new NodeName(name),
            Listen = FreePort.Address(),
            Advertise = default,
            PeerPort = 1,
            Seeds = [.. seeds.Select(s => new Seed(SeedKind.Address, s.ToString()))],
            Bootstrap = bootstrap,
            SplitStableAfter = TimeSpan.FromSeconds(2),
            AcceptablePause = TimeSpan.FromSeconds(2),
            MaxClockSkew = TimeSpan.FromSeconds(5),
        };
        options = options with { Advertise = options.Listen };
        options = (with ?? (o => o))(options);
        var host = new ClusterHost(new ClusterPlan(options, new HostFace(reportsAs is null ? options.Node : new NodeName(reportsAs), options.Peer, null, "1.0", options.Labels)), _config, memory?.Invoke(options.Advertise), times ?? Times);
        _hosts.Add(host);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts) await host.DisposeAsync();
    }
}

/// <summary>One of them.</summary>
public sealed class ClusterHost : IAsyncDisposable
{
    private readonly ActorSystem _host = ActorSystem.Create("host", "akka.loglevel = ERROR\nakka.stdout-loglevel = OFF");
    private readonly Config _config;
    private readonly DoorTimes _times;
    private CancellationTokenSource _running = new();
    private ClusterLife? _life;
    private Task _run = Task.CompletedTask;

    public ClusterHost(ClusterPlan plan, Config config, ClusterMemory? memory, DoorTimes times)
    {
        (Plan, _config, _times) = (plan, config, times);
        Disk.Memory = memory;
        Gateway = _host.ActorOf(Props.Create(() => new Pools()));
        var journal = new EventJournal(TimeProvider.System);
        Applied = new FakeAppliedPools(Gateway, journal);
        Ports = new ClusterPorts(Disk, Gateway, journal, TimeProvider.System, Random.Shared.NextDouble)
        {
            Pools = Applied, Templates = Lender, Dealing = new CapacityTimes(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2)),
        };
        StartAgain();
    }

    public ClusterPlan Plan { get; }

    public FakeClusterHost Disk { get; } = new();

    public FakeLender Lender { get; } = new();

    public FakeAppliedPools Applied { get; }

    public IActorRef Gateway { get; }

    public ClusterPorts Ports { get; }

    /// <summary>How many cluster systems it has had.</summary>
    public int Incarnations { get; private set; }

    public NodeAddress At => Plan.Options.Advertise;

    public async Task<ClusterSeen> SeenAsync()
    {
        try
        {
            return Ports.Face.Placement is { } placement ? await placement.Ask<ClusterSeen>(GetClusterSeen.Instance, TimeSpan.FromSeconds(1)) : Nothing;
        }
        catch (AskTimeoutException)
        {
            return Nothing;
        }
    }

    private static readonly ClusterSeen Nothing = new("", [], "between two incarnations");

    public async Task IsInAsync(HostState state)
    {
        await Gateway.Ask<string>(state);
        Ports.Journal.Add(NodeEventKind.PoolEvent, PoolName.Default, null, "otherwise");
    }

    public Task IsMemberOfAsync(int members) => Eventually.Async(
        async () => await SeenAsync() is { ClusterId.Length: > 0 } seen && seen.Members.Count(m => m is { Reachable: true, Capacity: not null }) == members,
        $"{Plan.Node} sees {members} members with what they have",
        () => string.Join("; ", SeenAsync().Result.Members) + SeenAsync().Result.Reason);

    public async Task HasAsync(string pool, int warm)
    {
        await Gateway.Ask<string>(new Pools.Set(pool, warm));
        Ports.Journal.Add(NodeEventKind.PoolEvent, new PoolName(pool), null, "otherwise");
    }

    /// <summary>Without a word to the others.</summary>
    public Task KillAsync() => EndAsync(life => life.AbortAsync());

    public Task LeaveAsync() => EndAsync(life => life.LeaveAsync());

    public void StartAgain()
    {
        _running = new CancellationTokenSource();
        _life = new ClusterLife(Begin, Ports.Face, TimeProvider.System, e => throw e);
        _run = _life.RunAsync(_running.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await _host.Terminate();
    }

    private async Task EndAsync(Func<ClusterLife, Task> how)
    {
        if (_life is null) return;
        await _running.CancelAsync();
        await _run;
        await how(_life);
        _life = null;
    }

    private ActorSystem Begin()
    {
        Incarnations++;
        // The transport is the host's affair: Akka's own serves here.
        var transport = ConfigurationFactory.ParseString($$"""
            akka.remote {
              enabled-transports = ["akka.remote.dot-netty.tcp"]
              dot-netty.tcp { hostname = "{{Plan.Options.Listen.Host}}", port = {{Plan.Options.Listen.Port}}, connection-timeout = 3s, batching.enabled = off }
            }
            """);
        return ClusterSystem.Start(Plan, Ports, transport.WithFallback(_config), _times);
    }
}

/// <summary>A host's gateway that has the pools a test says.</summary>
public sealed class Pools : ReceiveActor
{
    private readonly SortedDictionary<string, int> _warm = [], _shares = [];
    private HostState _state = HostState.Up;

    public Pools()
    {
        Receive<Set>(set =>
        {
            _warm[set.Pool] = set.Warm;
            Sender.Tell("done");
        });
        Receive<Share>(share =>
        {
            _shares[share.Pool] = share.Number;
            Sender.Tell("done");
        });
        Receive<HostState>(state =>
        {
            _state = state;
            Sender.Tell("done");
        });
        Receive<GetNodeView>(_ => Sender.Tell(new NodeView(
        [
            .. _warm.Select(p => new PoolView(new PoolName(p.Key), null, 4, p.Value, 0, 0, 0, "", Accelerator.Tcg, "", [], [])),
            .. _shares.Select(p => new PoolView(new PoolName(p.Key), null, p.Value, p.Value, 0, 0, 0, "", Accelerator.Tcg, "", [], [])
            {
                Shared = true, Open = _state != HostState.Draining, Cordoned = _state == HostState.Cordoned,
            }),
        ], Starting: false)));
    }

    public sealed record Set(string Pool, int Warm);

    /// <summary>It makes them at once.</summary>
    public sealed record Share(string Pool, int Number);
}

/// <summary>What a node remembers, in memory; seeds are what they are called.</summary>
public sealed class FakeClusterHost : IClusterHost
{
    public volatile ClusterMemory? Memory;

    public Task<ClusterMemory?> RecallAsync(CancellationToken cancel) => Task.FromResult(Memory);

    public Task RememberAsync(ClusterMemory memory, CancellationToken cancel)
    {
        Memory = memory;
        return Task.CompletedTask;
    }

    public Task<SeedsResolved> ResolveAsync(IReadOnlyList<Seed> seeds, CancellationToken cancel)
        => Task.FromResult(new SeedsResolved([.. seeds.Select(s => NodeAddress.TryParse(s.Where, out var at) ? at : throw new FormatException(s.Where))], []));

    public Task<string?> WhyDistrustedAsync(NodeAddress at, CancellationToken cancel) => Task.FromResult<string?>(null);

    /// <summary>What is found at nodes that do not answer.</summary>
    public Silence Silence { get; set; } = new("nobody listens there");

    public Task<Silence> WhySilentAsync(NodeAddress at, CancellationToken cancel) => Task.FromResult(Silence);
}

/// <summary>Totals as a test says; what this host gets of them is made.</summary>
public sealed class FakeAppliedPools(IActorRef host, EventJournal journal) : IAppliedPools
{
    public ulong Digest => 0;

    public IReadOnlyDictionary<PoolName, int> Totals { get; private set; } = new Dictionary<PoolName, int>();

    public async Task ApplyAsync(string pool, int total)
    {
        Totals = new Dictionary<PoolName, int> { [new PoolName(pool)] = total };
        await ShareAsync(new Dictionary<PoolName, int> { [new PoolName(pool)] = 0 }, CancellationToken.None);
    }

    public async Task ShareAsync(IReadOnlyDictionary<PoolName, int> shares, CancellationToken cancel)
    {
        foreach (var (pool, number) in shares) await host.Ask<string>(new Pools.Share(pool.Value, number), cancel);
        journal.Add(NodeEventKind.PoolEvent, PoolName.Default, null, "otherwise");
    }

    public Task PullAsync(NodeAddress peer, CancellationToken cancel) => Task.CompletedTask;
}
