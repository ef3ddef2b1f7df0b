using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using Akka.DistributedData;
using Google.Protobuf;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;
using AkkaCluster = Akka.Cluster.Cluster;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>
/// A thousand hosts, in simulated time: callers, refills, reports that are late, hosts that die and come back. Real are the placement's rules and
/// standing of hosts, the reports, and their serialization; simulated are the hosts, the network and the clock. A warm VM that is anywhere counts as one that
/// an omniscient placement would have given.
/// </summary>
public static class ThousandHosts
{
    private const int Hosts = 1000, Target = 8, MostTries = 8;

    /// <summary>Simulated seconds: a tick, the whole, from a change to its report, and how late a report comes (measured by the benchmark "inventory").</summary>
    private const double Tick = 0.05, Whole = 20, Settle = 0.2, Late = 0.6;

    /// <summary>Seconds that making a VM takes, two at a time on each host; a warm VM's life with its holder does not matter.</summary>
    private const double Refill = 0.3;

    public static int Run(string dist, int seed)
    {
        Sizes(dist);
        foreach (var load in new[] { 0.5, 0.8, 0.9, 0.97 }) Simulate(seed, load);
        return 0;
    }

    /// <summary>What the reports weigh, on the wire and in memory.</summary>
    private static void Sizes(string dist)
    {
        var config = ConfigurationFactory.ParseString("akka.loglevel = ERROR\nakka.stdout-loglevel = OFF\nakka.remote.enabled-transports = [\"akka.remote.dot-netty.tcp\"]\nakka.remote.dot-netty.tcp { hostname = 127.0.0.1\n port = 0\n enable-ssl = off }")
            .WithFallback(ConfigurationFactory.ParseString(File.ReadAllText(Path.Combine(dist, "..", "hocon", "akka.cluster.conf"))));
        using var system = ActorSystem.Create("vmcache", config);
        _ = DistributedData.Get(system);
        var self = AkkaCluster.Get(system).SelfUniqueAddress;
        var report = Reports.Write(Capacity(1, 8, 1));
        var register = new LWWRegister<HostReport>(self, report);
        var serializer = system.Serialization.FindSerializerFor(register);
        Console.WriteLine($"a report of one pool   {report.CalculateSize()} bytes");
        Console.WriteLine($"the same as a register of DistributedData   {serializer.ToBinary(register).Length} bytes");
        Console.WriteLine($"each further pool   {Reports.Write(Pools(2)).CalculateSize() - report.CalculateSize()} bytes");

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var inventory = Enumerable.Range(0, Hosts).Select(i => (Register: new LWWRegister<HostReport>(self, Reports.Write(Capacity(i, 8, 1))), Seen: new MemberSeen(self, null, Akka.Cluster.MemberStatus.Up, true, Capacity(i, 8, 1)))).ToList();
        var after = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine($"the inventory, a host of {Hosts}   {(after - before) / Hosts} bytes");
        GC.KeepAlive(inventory);
    }

    private static void Simulate(int seed, double load)
    {
        var random = new Random(seed);
        var hosts = Enumerable.Range(0, Hosts).Select(i => new SimulatedHost(i)).ToList();
        // A tenth of the hosts has half of the callers.
        var weights = hosts.Select((_, i) => i < Hosts / 10 ? 5.0 : 5.0 / 9).ToArray();
        var rate = load * Hosts * 2 / Refill;
        var inFlight = new PriorityQueue<(int Host, HostCapacity Report), double>();
        var views = hosts.ToDictionary(h => h.Index, h => h.Report(++h.Sequence));
        var charges = new Dictionary<(int Gateway, int Host), (int Count, long Sequence)>();
        var refused = new Dictionary<(int Gateway, int Host), HostCapacity>();
        var suspended = new Dictionary<(int Gateway, int Host), double>();
        long acquires = 0, local = 0, remote = 0, missed = 0, none = 0, tries = 0, reports = 0, bytes = 0;
        var clock = Stopwatch.StartNew();
        var choices = TimeSpan.Zero;
        for (var now = 0.0; now < Whole; now += Tick)
        {
            foreach (var host in hosts)
            {
                host.Advance(now, random);
                if (host.Alive && host.Dirty && now >= host.Told + Settle)
                {
                    (host.Dirty, host.Told) = (false, now);
                    var report = host.Report(++host.Sequence);
                    reports++;
                    bytes += Reports.Write(report).CalculateSize();
                    inFlight.Enqueue((host.Index, report), now + (Late * random.NextDouble()));
                }
            }

            while (inFlight.TryPeek(out _, out var due) && due <= now)
            {
                var (index, report) = inFlight.Dequeue();
                if (views[index].Sequence < report.Sequence) views[index] = report;
            }

            for (var callers = Poisson(rate * Tick, random); callers > 0; callers--)
            {
                var gateway = Weighted(weights, random);
                if (!hosts[gateway].Alive) continue;
                acquires++;
                if (hosts[gateway].TryTake())
                {
                    local++;
                    continue;
                }

                if (!hosts.Exists(h => h.Alive && h.Warm > 0))
                {
                    none++;
                    continue;
                }

                var from = Stopwatch.GetTimestamp();
                var given = Remote(gateway, now);
                choices += Stopwatch.GetElapsedTime(from);
                if (given) remote++;
                else missed++;
            }
        }

        var asked = remote + missed;
        Console.Error.WriteLine($"load {load:P0}: {acquires} acquires, {local} from the host that was asked, {asked} elsewhere, {none} while no VM was warm anywhere; {clock.Elapsed.TotalSeconds:0} s");
        Console.WriteLine($"load {load:P0}: warm, of what an omniscient choice gives   {100.0 * (local + remote) / (local + asked):0.00} %   (promised: at least 98)");
        Console.WriteLine($"load {load:P0}: tries of an acquire that goes elsewhere   {(double)tries / Math.Max(1, asked):0.00}");
        Console.WriteLine($"load {load:P0}: a choice   {choices.TotalMicroseconds / Math.Max(1, tries):0} us");
        Console.WriteLine($"load {load:P0}: reports of a host in a second   {reports / Whole / Hosts:0.00}");
        Console.WriteLine($"load {load:P0}: what each host hears in a second   {bytes / Whole / 1024:0} KiB");

        bool Remote(int gateway, double now)
        {
            var tried = new HashSet<NodeName> { hosts[gateway].Name };
            for (var attempt = 0; attempt < MostTries; attempt++)
            {
                tries++;
                // The gateway's view: what was told, less what it has promised of it since, without those that did not answer it lately.
                var seen = Enumerable.Range(0, Hosts).Where(i => !suspended.TryGetValue((gateway, i), out var until) || now >= until).Select(i => Charged(gateway, i));
                if (PlacementRules.ChooseWarm(seen, PoolName.Default, Anywhere, tried, random.NextDouble) is not { } chosen) return false;
                var host = int.Parse(chosen.Node.Value[1..]);
                var charged = charges.GetValueOrDefault((gateway, host));
                charges[(gateway, host)] = charged.Sequence == chosen.Sequence ? (charged.Count + 1, chosen.Sequence) : (1, chosen.Sequence);
                if (hosts[host].Alive && hosts[host].TryTake()) return true;
                tried.Add(chosen.Node);
                if (!hosts[host].Alive) suspended[(gateway, host)] = now + 3;
                else refused[(gateway, host)] = hosts[host].Report(++hosts[host].Sequence);
            }

            return false;
        }

        HostCapacity Charged(int gateway, int host)
        {
            var view = refused.TryGetValue((gateway, host), out var told) && told.Sequence > views[host].Sequence ? told : views[host];
            if (!charges.TryGetValue((gateway, host), out var charged) || charged.Sequence != view.Sequence) return view;
            return view with { Pools = [view.Pools[0] with { Warm = Math.Max(0, view.Pools[0].Warm - charged.Count) }] };
        }
    }

    private static readonly Dictionary<string, string> Anywhere = [];

    private static int Weighted(double[] weights, Random random)
        => random.Next(2) == 0 ? random.Next(weights.Length / 10) : (weights.Length / 10) + random.Next(weights.Length - (weights.Length / 10));

    private static int Poisson(double mean, Random random)
        => (int)Math.Max(0, Math.Round(mean + (Math.Sqrt(mean) * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))));

    private static HostCapacity Capacity(int index, int warm, long sequence) => new(
        new NodeName($"h{index}"), new NodeAddress($"10.0.{index / 250}.{index % 250}", 4751), null, "0.1.0", HostState.Up, 16L << 30,
        new Dictionary<string, string> { ["zone"] = "a" }, [new PoolCapacity(PoolName.Default, warm, 0, 3, Target, 0, TimeSpan.FromMilliseconds(300), "0123456789ab")], sequence);

    private static HostCapacity Pools(int count)
    {
        var one = Capacity(1, 8, 1);
        return one with { Pools = [.. Enumerable.Range(0, count).Select(i => one.Pools[0] with { Pool = new PoolName($"default{i}"[..7]) })] };
    }

    /// <summary>Keeps eight warm, makes two at a time; dies every ten minutes or so, for half a minute.</summary>
    private sealed class SimulatedHost(int index)
    {
        private readonly List<double> _making = [];
        private double _back;
        private double _now;

        public int Index => index;

        public NodeName Name { get; } = new($"h{index}");

        public int Warm { get; private set; } = Target;

        public bool Alive => _now >= _back;

        public bool Dirty { get; set; }

        public double Told { get; set; } = -1;

        public long Sequence { get; set; }

        public void Advance(double now, Random random)
        {
            _now = now;
            if (!Alive) return;
            if (random.NextDouble() < Tick / 600) (_back, Warm) = (now + 30, 0);
            Dirty |= _making.Exists(at => at <= now);
            Warm += _making.RemoveAll(at => at <= now);
            while (_making.Count < 2 && Warm + _making.Count < Target) _making.Add(now + Refill);
        }

        public bool TryTake()
        {
            if (Warm == 0) return false;
            Warm--;
            Dirty = true;
            return true;
        }

        public HostCapacity Report(long sequence) => Capacity(index, Warm, sequence);
    }
}
