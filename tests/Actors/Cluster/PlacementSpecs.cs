using Akka.Actor;
using Akka.Cluster;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>Which host is asked, from what is told of hosts and what became of those that were asked.</summary>
public class PlacementSpecs : TestKit
{
    private static readonly Dictionary<string, string> NoAffinity = [];

    private readonly ManualTime _time = new();
    private readonly IActorRef _placement;
    private long _sequence;

    public PlacementSpecs()
    {
        var options = new ClusterOptions
        {
            Name = "test", Node = new NodeName("here"), Listen = new NodeAddress("10.0.0.1", 1), Advertise = new NodeAddress("10.0.0.1", 1), PeerPort = 1, Seeds = [],
            SplitStableAfter = TimeSpan.FromSeconds(2), AcceptablePause = TimeSpan.FromSeconds(2), MaxClockSkew = TimeSpan.FromSeconds(5),
        };
        var plan = new ClusterPlan(options, new HostFace(options.Node, options.Peer, null, "1.0", options.Labels));
        _placement = Sys.ActorOf(Props.Create(() => new PlacementActor(plan, new ClusterPorts(null!, TestActor, new EventJournal(_time), _time, () => 0, null))));
    }

    [Fact]
    public async Task Charges_a_host_with_what_was_promised_of_it_until_it_reports_anew()
    {
        Report("a", warm: 2);
        Assert.Equal("a", await ChooseAsync());
        Assert.Equal("a", await ChooseAsync());
        Assert.Null(await ChooseAsync());

        Report("a", warm: 1);
        Assert.Equal("a", await ChooseAsync());
        Assert.Null(await ChooseAsync());
    }

    [Fact]
    public async Task Asks_a_host_that_did_not_answer_again_after_a_while_or_when_it_reports()
    {
        Report("a", warm: 9);
        _placement.Tell(new HostFailed(new NodeName("a")));
        Assert.Null(await ChooseAsync());
        _time.Advance(PlacementActor.Suspension);
        Assert.Equal("a", await ChooseAsync());

        _placement.Tell(new HostFailed(new NodeName("a")));
        Report("a", warm: 9);
        Assert.Equal("a", await ChooseAsync());
    }

    [Fact]
    public async Task Believes_a_refusal_more_than_an_older_report()
    {
        Report("a", warm: 9);
        _placement.Tell(new HostRefused(new NodeName("a"), PoolName.Default, null));
        Assert.Null(await ChooseAsync());

        Report("a", warm: 9);
        _placement.Tell(new HostRefused(new NodeName("a"), PoolName.Default, Capacity("a", 0, sequence: ++_sequence)));
        Assert.Null(await ChooseAsync());
        // What was told before the refusal comes later.
        _placement.Tell(Changed("a", Capacity("a", 9, sequence: _sequence - 1)));
        Assert.Null(await ChooseAsync());
    }

    [Theory]
    [InlineData("b")]
    [InlineData("nobody")]
    public async Task Takes_no_report_of_another_host_beside_a_refusal(string other)
    {
        Report("a", warm: 9);
        Report("b", warm: 0);

        _placement.Tell(new HostRefused(new NodeName("a"), PoolName.Default, Capacity(other, 70, sequence: long.MaxValue)));

        Assert.Null(await ChooseAsync());
        Report("b", warm: 1);
        Assert.Equal("b", await ChooseAsync());
        Report("a", warm: 1);
        Assert.Equal("a", await ChooseAsync());
    }

    [Fact]
    public async Task Asks_no_host_that_is_not_reached_is_gone_or_is_this_one()
    {
        Report("here", warm: 9);
        Assert.Null(await ChooseAsync());

        Report("a", warm: 9);
        _placement.Tell(Changed("a", Capacity("a", 9, ++_sequence), reachable: false));
        Assert.Null(await ChooseAsync());
        Report("a", warm: 9);
        Assert.Equal("a", await ChooseAsync());
        _placement.Tell(new MemberGone(MemberOf("a")));
        Assert.Null(await ChooseAsync());
    }

    [Fact]
    public async Task Finds_the_host_of_a_vm_also_when_it_is_away()
    {
        var tag = new NodeName("a").Tag;
        Assert.Null((await FindAsync(tag)).Name);

        Report("a", warm: 1);
        Assert.Equal("a", (await FindAsync(tag)).Host?.Node.Value);
        _placement.Tell(new MemberGone(MemberOf("a")));

        var away = await FindAsync(tag);
        Assert.Equal(("a", null), (away.Name?.Value, away.Host));
    }

    [Fact]
    public async Task Knows_hosts_of_earlier_days_by_what_the_door_remembers()
    {
        _placement.Tell(new ClusterRecalled(new ClusterMemory("test", "1", []) { Names = [new NodeName("a")], Former = [new NodeName("b")] }));

        Assert.Equal(("a", null), (await FindAsync(new NodeName("a").Tag) is var a ? (a.Name?.Value, a.Host) : default));
        Assert.Equal(("b", null), (await FindAsync(new NodeName("b").Tag) is var b ? (b.Name?.Value, b.Host) : default));
    }

    [Fact]
    public async Task Is_in_doubt_about_a_tag_until_it_is_a_member_and_reaches_all()
    {
        Assert.Contains("this node is in no cluster now (this node is being started)", (await FindAsync("00000000")).Doubt, StringComparison.Ordinal);
        Report("a", warm: 1);
        _placement.Tell(new StandingChanged("id", ""));
        Assert.Contains("this node is in no cluster now", (await FindAsync("00000000")).Doubt, StringComparison.Ordinal);

        Report("here", warm: 1);
        Assert.Equal((null, ""), await FindAsync("00000000") is var all ? (all.Name, all.Doubt) : default);

        _placement.Tell(Changed("a", Capacity("a", 1, ++_sequence), reachable: false));
        Assert.Equal("a is not reached", (await FindAsync("00000000")).Doubt);
        _placement.Tell(new MemberGone(MemberOf("a")));
        _placement.Tell(new MemberChanged(new MemberSeen(MemberOf("b"), null, MemberStatus.Up, true, null)));
        Assert.Equal("the node at b:4750 has not said its name", (await FindAsync("00000000")).Doubt);
    }

    [Fact]
    public async Task Knows_a_host_that_has_come_back_as_another_member()
    {
        Report("a", warm: 5);
        _placement.Tell(new MemberChanged(new MemberSeen(MemberOf("a", uid: 2), new NodeName("a"), MemberStatus.Up, true, Capacity("a", 1, sequence: 1))));
        _placement.Tell(new MemberGone(MemberOf("a")));

        Assert.Equal("a", await ChooseAsync());
        Assert.Null(await ChooseAsync());
    }

    private Task<HostFound> FindAsync(string tag) => _placement.Ask<HostFound>(new FindHost(tag), Eventually.Patience);

    private async Task<string?> ChooseAsync()
        => (await _placement.Ask<HostChosen>(new ChooseHost(true, PoolName.Default, NoAffinity, new HashSet<NodeName>()), Eventually.Patience)).Host?.Node.Value;

    private void Report(string node, int warm) => _placement.Tell(Changed(node, Capacity(node, warm, ++_sequence)));

    private static MemberChanged Changed(string node, HostCapacity capacity, bool reachable = true)
        => new(new MemberSeen(MemberOf(node), new NodeName(node), MemberStatus.Up, reachable, capacity));

    private static UniqueAddress MemberOf(string node, int uid = 1) => new(new Address("akka.tcp", "vmcache", node, 4750), uid);

    private static HostCapacity Capacity(string node, int warm, long sequence) => new(
        new NodeName(node), new NodeAddress(node, 4751), null, "v", HostState.Up, 1L << 30, NoAffinity,
        [new PoolCapacity(PoolName.Default, warm, 0, 0, 9, 0, TimeSpan.Zero, "r")], sequence);
}
