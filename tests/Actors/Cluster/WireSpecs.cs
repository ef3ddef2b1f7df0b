using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using Google.Protobuf;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>What crosses the wire, and nothing else does.</summary>
public sealed class WireSpecs : IAsyncLifetime
{
    private readonly ActorSystem _system = ActorSystem.Create(
        "wire",
        ConfigurationFactory.ParseString("akka.actor.provider = remote\nakka.remote.enabled-transports = [\"akka.remote.dot-netty.tcp\"]\nakka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }\nakka.loglevel = ERROR")
            .WithFallback(ConfigurationFactory.ParseString(File.ReadAllText(Path.Combine(Repository.Root, "hocon", "akka.cluster.conf")))));

    /// <summary>Changing one of these breaks clusters of two versions: a message that means something else gets another manifest.</summary>
    private static readonly Dictionary<string, (IMessage Message, string Bytes)> Pinned = new()
    {
        ["K1"] = (
            new Knock { Cluster = "c", ClusterId = "i", Protocol = 1, Version = "v", Node = "n", Address = "h:1", UnixMilliseconds = 5, Round = 6 },
            "0A0163 120169 1801 220176 2A016E 3203683A31 3805 4006"),
        ["A1"] = (
            new KnockAnswer
            {
                Refused = "r", ClusterId = "i", Members = 2, Lowest = "l:1", KnowsYou = true, Version = "v", Node = "n", UnixMilliseconds = 5, Round = 6, Address = "h:1",
            },
            "0A01721201691802 22036C3A31 2801 320176 3A016E 4005 4806 5203683A31"),
        ["H1"] = (
            new HostReport
            {
                Node = "n", Peer = "h:2", Condition = HostCondition.Draining, MemoryBytes = 7, Labels = { ["z"] = "a" },
                Pools = { new PoolReport { Pool = "p", Warm = 1, Warming = 2, Leased = 3, Target = 4, Waiting = 5, RefillMilliseconds = 6, Revision = "r" } },
                Sequence = 8, Version = "v", Gateway = "g:3",
            },
            "0A016E 1203683A32 1802 2007 2A06 0A017A 120161 3212 0A0170 1001 1802 2003 2804 3005 3806 420172 3808 420176 4A03673A33"),
        ["S1"] = (new Shares { Pools = { ["p"] = 3 } }, "0A05 0A0170 1003"),
    };

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _system.Terminate();

    public static TheoryData<string> Marked()
    {
        var types = new TheoryData<string>();
        foreach (var type in typeof(IWireMessage).Assembly.GetTypes().Where(t => t.IsClass && typeof(IWireMessage).IsAssignableFrom(t))) types.Add(type.Name);
        return types;
    }

    [Theory]
    [MemberData(nameof(Marked))]
    public void Round_trips_every_marked_type_in_the_same_bytes(string type)
    {
        var (manifest, (message, bytes)) = Pinned.Single(p => p.Value.Message.GetType().Name == type);
        var serializer = Assert.IsType<WireSerializer>(_system.Serialization.FindSerializerFor(message));

        Assert.Equal(manifest, serializer.Manifest(message));
        Assert.Equal(bytes.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(serializer.ToBinary(message)));
        Assert.Equal(message, serializer.FromBinary(serializer.ToBinary(message), manifest));
        Assert.Equal(WireSerializer.Number, serializer.Identifier);
    }

    [Theory]
    [InlineData("K9", "0A00", "is that one newer")]
    [InlineData("K1", "FFFFFF", "cannot be read")]
    public void Says_what_it_cannot_read(string manifest, string bytes, string why)
    {
        var serializer = (WireSerializer)_system.Serialization.FindSerializerForType(typeof(Knock));

        Assert.Contains(why, Assert.Throws<SerializationException>(() => serializer.FromBinary(Convert.FromHexString(bytes), manifest)).Message);
    }

    [Fact]
    public void Writes_nothing_that_is_not_marked()
    {
        Assert.ThrowsAny<Exception>(() => _system.Serialization.FindSerializerForType(typeof(HostCapacity)).ToBinary(Capacity()));
    }

    [Fact]
    public void Reads_a_report_as_it_was_written()
    {
        var capacity = Capacity();

        var read = Reports.Read(Reports.Write(capacity))!;

        Assert.Equal(capacity.Pools, read.Pools);
        Assert.Equal(capacity.Labels, read.Labels);
        Assert.Equal(capacity.Templates, read.Templates);
        Assert.Equal(capacity with { Pools = read.Pools, Labels = read.Labels, Templates = read.Templates }, read);
    }

    [Theory]
    [InlineData("", "h:1")]
    [InlineData("Not A Name", "h:1")]
    [InlineData("n", "nowhere")]
    public void Makes_nothing_of_a_report_without_sense(string node, string peer) => Assert.Null(Reports.Read(new HostReport { Node = node, Peer = peer }));

    [Fact]
    public void Leaves_a_host_of_an_unknown_condition_alone()
        => Assert.Equal(HostState.Draining, Reports.Read(new HostReport { Node = "n", Peer = "h:1", Condition = (HostCondition)99 })!.State);

    /// <summary>A member may lie about itself; what the others work out from it has to make sense all the same.</summary>
    [Theory]
    [InlineData(int.MaxValue, double.PositiveInfinity, 1_000_000, 1e6)]
    [InlineData(int.MinValue, double.NegativeInfinity, 0, 0)]
    [InlineData(-1, double.NaN, 0, 0)]
    public void Bounds_what_a_host_says_of_itself(int number, double demand, int count, double callers)
    {
        var lie = new PoolReport
        {
            Pool = "default", Warm = number, Warming = number, Leased = number, Target = number, Waiting = number, Room = number, RefillMilliseconds = number,
            CallersPerMinute = demand, Shared = true,
        };

        var read = Reports.Read(new HostReport { Node = "n", Peer = "h:1", MemoryBytes = number, Pools = { lie } })!;

        var pool = read.Pools.Single();
        Assert.Equal((count, count, count, count, count, count), (pool.Warm, pool.Warming, pool.Leased, pool.Target, pool.Waiting, pool.Room));
        Assert.Equal(callers, pool.Demand);
        Assert.True(pool.RefillTime >= TimeSpan.Zero && read.MemoryBytes >= 0);
        var liar = new Shareholder(read.Node, ShareStanding.Taking, pool.Target, pool.Warm, pool.Room, pool.Demand);
        var honest = Enumerable.Range(0, 3).Select(i => new Shareholder(new NodeName($"h{i}"), ShareStanding.Taking, 10, 10, 20, 1));
        List<Shareholder> hosts = [liar, .. honest];
        Assert.Equal(30, CapacityRules.Deal(30, hosts).Values.Sum());
        Assert.All(CapacityRules.Step(CapacityRules.Deal(30, hosts), hosts).Values, share => Assert.True(share >= 0));
    }

    private static HostCapacity Capacity() => new(
        new NodeName("n"), new NodeAddress("h", 1), new NodeAddress("g", 2), "v", HostState.Cordoned, 5, new Dictionary<string, string> { ["zone"] = "a" },
        [new PoolCapacity(PoolName.Default, 1, 2, 3, 4, 5, TimeSpan.FromMilliseconds(6), "r") { Shared = true, Room = 7, Demand = 0.5 }], 9)
    {
        Templates = [1, ulong.MaxValue],
    };
}
