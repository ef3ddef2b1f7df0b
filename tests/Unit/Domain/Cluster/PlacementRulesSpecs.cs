using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class PlacementRulesSpecs
{
    private static readonly PoolName Pool = PoolName.Default;
    private static readonly Dictionary<string, string> Anywhere = [];
    private static readonly HashSet<NodeName> None = [];

    [Fact]
    public void Asks_the_one_that_has_most_of_those_it_looks_at()
    {
        HostCapacity[] hosts = [Host("a", warm: 1), Host("b", warm: 5), Host("c", warm: 3)];

        Assert.Equal("b", PlacementRules.ChooseWarm(hosts, Pool, Anywhere, None, () => 0)!.Node.Value);
    }

    [Fact]
    public void Looks_at_a_few_of_many()
    {
        var looked = 0;
        var hosts = Enumerable.Range(0, 1000).Select(i => Host($"n{i}", warm: 1));

        Assert.NotNull(PlacementRules.ChooseWarm(hosts, Pool, Anywhere, None, () => { looked++; return 0.999999; }));
        Assert.Equal(PlacementRules.Sample, looked);
    }

    [Fact]
    public void Asks_none_that_has_none_is_closed_was_tried_or_is_elsewhere()
    {
        HostCapacity[] hosts =
        [
            Host("empty", warm: 0), Host("cordoned", warm: 9) with { State = HostState.Cordoned }, Host("draining", warm: 9) with { State = HostState.Draining },
            Host("tried", warm: 9), Host("elsewhere", warm: 9, zone: "b"), Host("other", warm: 9) with { Pools = [] },
        ];
        var affinity = new Dictionary<string, string> { ["zone"] = "a" };

        Assert.Null(PlacementRules.ChooseWarm(hosts, Pool, affinity, new HashSet<NodeName> { new("tried") }, () => 0));
        Assert.Equal("empty", PlacementRules.ChooseToMake(hosts, Pool, affinity, new HashSet<NodeName> { new("tried") }, () => 0)!.Node.Value);
    }

    [Fact]
    public void Has_a_vm_made_where_fewest_wait_and_most_memory_is()
    {
        HostCapacity[] hosts = [Host("busy", waiting: 2, memory: 99), Host("small", memory: 1), Host("large", memory: 2)];

        Assert.Equal("large", PlacementRules.ChooseToMake(hosts, Pool, Anywhere, None, () => 0)!.Node.Value);
    }

    [Fact]
    public void Ranks_hosts_by_what_is_warm()
    {
        HostCapacity[] hosts = [Host("a", warm: 1), Host("b", warm: 2, memory: 1), Host("c", warm: 2, memory: 2)];

        Assert.Equal(["c", "b"], PlacementRules.Ranked(hosts, Pool, Anywhere, 2).Select(h => h.Node.Value));
    }

    private static HostCapacity Host(string name, int warm = 0, int waiting = 0, long memory = 0, string zone = "a") => new(
        new NodeName(name), new NodeAddress(name, 1), null, "1", HostState.Up, memory, new Dictionary<string, string> { ["zone"] = zone },
        [new PoolCapacity(Pool, warm, 0, 0, 4, waiting, TimeSpan.Zero, "r")], 1);
}
