using Akka.Actor;
using Akka.Cluster;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>The members as idempotency keys need them, from what is told of members.</summary>
public class KeyRingSpecs : TestKit
{
    private readonly ManualTime _time = new();
    private readonly IActorRef _placement;

    public KeyRingSpecs()
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
    public async Task Is_in_no_cluster_until_it_is_a_member()
    {
        Assert.Equal("this node is being started", (await ViewAsync()).Standing);
        _placement.Tell(new StandingChanged("id", ""));
        Assert.Null((await ViewAsync()).Self);
        See("here", uid: 7);

        Assert.Equal(("here", 7), (await ViewAsync()).Self is { } self ? (self.Node.Value, self.Uid) : default);
    }

    [Fact]
    public async Task Remembers_until_which_version_each_was_a_full_member()
    {
        await InsideAsync();
        See("a", status: MemberStatus.Joining);
        var joining = await ViewAsync();
        Assert.False(joining.Of(new NodeName("a"))!.Full);
        See("a");
        See("a", reachable: false);
        var full = await ViewAsync();
        Assert.Equal(joining.Version + 1, full.Version);
        Assert.True(full.Of(new NodeName("a")) is { Full: true, Reachable: false });

        See("a", status: MemberStatus.Leaving);
        var leaving = await ViewAsync();

        Assert.Equal(full.Version + 1, leaving.Version);
        Assert.Equal(full.Version, leaving.WasFull[new NodeName("a")]);
        // What is not full members' does not count.
        See("b", status: MemberStatus.WeaklyUp);
        Assert.Equal(leaving.Version, (await ViewAsync()).Version);
    }

    [Fact]
    public async Task Waits_a_while_for_a_member_that_has_left_unless_it_is_back()
    {
        await InsideAsync();
        See("a");
        See("b");
        _placement.Tell(new MemberGone(MemberOf("a", 1)));
        _placement.Tell(new MemberGone(MemberOf("b", 1)));
        Assert.Equal(["a", "b"], (await ViewAsync()).Gone.Select(g => g.Value).Order());

        See("a", uid: 2, status: MemberStatus.Joining);
        Assert.Equal(["b"], (await ViewAsync()).Gone.Select(g => g.Value));
        _time.Advance(KeyHomes.Away);
        Assert.Empty((await ViewAsync()).Gone);
    }

    [Fact]
    public async Task Waits_for_those_who_were_members_when_it_was_ended()
    {
        _placement.Tell(new ClusterRecalled(new ClusterMemory("test", "id", []) { Names = [new NodeName("here"), new NodeName("a"), new NodeName("b")], Former = [new NodeName("c")] }));
        await InsideAsync();
        See("a");

        Assert.Equal(["b"], (await ViewAsync()).Gone.Select(g => g.Value));
    }

    [Fact]
    public async Task Names_members_that_have_not_said_their_names()
    {
        await InsideAsync();
        _placement.Tell(new MemberChanged(new MemberSeen(MemberOf("x", 1), null, MemberStatus.Up, true, null)));
        Assert.Equal(["x:4750"], (await ViewAsync()).Unnamed);
    }

    private Task<KeyView> ViewAsync() => _placement.Ask<KeyView>(GetKeyView.Instance, TimeSpan.FromSeconds(10));

    private async Task InsideAsync()
    {
        _placement.Tell(new StandingChanged("id", ""));
        See("here");
        Assert.NotNull((await ViewAsync()).Self);
    }

    private void See(string node, int uid = 1, MemberStatus status = MemberStatus.Up, bool reachable = true)
        => _placement.Tell(new MemberChanged(new MemberSeen(MemberOf(node, uid), new NodeName(node), status, reachable, null)));

    private static UniqueAddress MemberOf(string node, int uid) => new(new Address("akka.tcp", "vmcache", node, 4750), uid);
}
