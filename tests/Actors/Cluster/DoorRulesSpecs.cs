using Akka.Event;
using Akka.TestKit.Xunit2;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>Who is taken in, and what is said of clocks.</summary>
public class DoorRulesSpecs : TestKit
{
    private static readonly NodeAddress At = new("10.0.0.1", 4750), Other = new("10.0.0.2", 4750);

    private readonly ManualTime _time = new();

    [Fact]
    public void Takes_in_who_has_come_as_it_should() => Assert.Null(Refused(_ => { }));

    [Fact]
    public void Takes_in_one_that_was_in_no_cluster_and_one_that_was_in_this()
    {
        Assert.Null(Refused(k => k.ClusterId = ""));
        Assert.Null(Refused(k => k.ClusterId = "0123", clusterId: ""));
    }

    [Fact]
    public void Tells_strangers_what_to_do()
    {
        Assert.Equal("this is the cluster \"test\", not \"prod\": see vmcache.cluster.name there", Refused(k => k.Cluster = "prod"));
        Assert.Equal("it speaks protocol 2 (version 9.9), this node 1 (version 1.0): one of them has to be upgraded", Refused(k => (k.Protocol, k.Version) = (2, "9.9")));
        Assert.Contains("remove cluster.json in its vmcache.state-dir", Refused(k => k.ClusterId = "0123"), StringComparison.Ordinal);
        Assert.Contains("it calls itself \"B eta\" at \"10.0.0.2:4750\"", Refused(k => k.Node = "B eta"), StringComparison.Ordinal);
        Assert.Contains("at \"here\", which makes no sense", Refused(k => k.Address = "here"), StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_a_name_that_another_node_has()
    {
        Assert.StartsWith("this node, at 10.0.0.1:4750, is called \"alpha\" too", Refused(k => k.Node = "alpha"), StringComparison.Ordinal);
        Assert.StartsWith("there is a member \"beta\" at 10.0.0.3:4750 already", Refused(_ => { }, members: (new NodeName("beta"), new NodeAddress("10.0.0.3", 4750))), StringComparison.Ordinal);
        // Itself, as it was before.
        Assert.Null(Refused(_ => { }, members: (new NodeName("beta"), Other)));
    }

    [Fact]
    public void Tells_once_in_a_while_of_a_clock_that_is_too_far_off()
    {
        var watch = new SkewWatch(TimeSpan.FromSeconds(5), _time, Logging.GetLogger(Sys, "skew"));
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();

        EventFilter.Warning().Expect(0, () => watch.Look("beta", now + 4900));
        EventFilter.Warning(contains: "the clocks of node beta and of this one are 61.0 s apart").ExpectOne(() => watch.Look("beta", now - 61_000));
        EventFilter.Warning().Expect(0, () => watch.Look("beta", now + 61_000));
        EventFilter.Warning(contains: "node gamma").ExpectOne(() => watch.Look("gamma", long.MaxValue));
        _time.Advance(TimeSpan.FromMinutes(11));
        EventFilter.Warning(contains: "node beta").ExpectOne(() => watch.Look("beta", now));
    }

    private static string? Refused(Action<Knock> with, string clusterId = "f00", params (NodeName? Name, NodeAddress At)[] members)
    {
        var options = new ClusterOptions
        {
            Name = "test", Node = new NodeName("alpha"), Listen = At, Advertise = At, PeerPort = 1, Seeds = [], SplitStableAfter = TimeSpan.FromSeconds(2),
            AcceptablePause = TimeSpan.FromSeconds(2), MaxClockSkew = TimeSpan.FromSeconds(5),
        };
        var knock = new Knock { Cluster = "test", ClusterId = "f00", Protocol = 1, Version = "1.0", Node = "beta", Address = Other.ToString() };
        with(knock);
        return DoorRules.WhyRefused(knock, new ClusterPlan(options, new HostFace(options.Node, options.Peer, null, "1.0", options.Labels)), clusterId, members);
    }
}
