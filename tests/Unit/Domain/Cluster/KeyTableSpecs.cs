using VmCacheCluster.Domain;
using Xunit;
using static VmCacheCluster.Tests.Unit.Domain.Cluster.KeyHomesSpecs;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class KeyTableSpecs
{
    private static readonly NodeName A = new("n0"), B = new("n1");

    /// <summary>n2 is the key's home.</summary>
    private static readonly PoolKey One = Key("a");

    private static readonly KeyView View = KeyHomesSpecs.View("n2", "n0", "n1", "n2");

    [Fact]
    public void Knows_nothing_until_all_hosts_have_said_what_they_have()
    {
        var table = new KeyTable();
        Assert.False(table.KnowsAllOf(View, One));

        table.Learn(View, Held((A, [One])), _ => false);

        Assert.True(table.KnowsAllOf(View, One));
        Assert.Equal([A], table.HostsOf(One));
        Assert.Empty(table.HostsOf(Key("z")));
    }

    [Fact]
    public void Knows_nothing_of_another_run_of_its_part_in_the_cluster_nor_of_keys_that_were_anothers_since()
    {
        var table = new KeyTable();
        table.Learn(View, Held(), _ => false);

        Assert.False(table.KnowsAllOf(View with { Self = View.Self! with { Uid = 2 } }, One));
        // Somebody came, and left again; of one of the keys it was the home meanwhile.
        var since = View with { Version = 3, WasFull = new Dictionary<NodeName, long> { [new("x")] = 2 } };
        var keys = Enumerable.Range(0, 200).Select(i => Key($"k{i}")).Where(k => KeyHomes.Route(View, k) is KeyRoute.Here).ToList();
        var rival = new KeyMember(new NodeName("x"), 1, true, true, null);
        foreach (var key in keys) Assert.Equal(KeyHomes.HomeOf(key, [View.Self!, rival]) != rival, table.KnowsAllOf(since, key));
        Assert.Contains(keys, k => !table.KnowsAllOf(since, k));
    }

    [Fact]
    public void Keeps_what_is_about_to_be_given_and_forgets_what_is_gone_when_it_learns_anew()
    {
        var table = new KeyTable();
        var (busy, old, away) = (Key("busy"), Key("old"), Key("away"));
        table.Add(busy, A);
        table.Add(old, A);
        table.Add(away, new NodeName("gone"));

        table.Learn(View, Held((A, []), (B, [One, busy])), key => key == busy);

        Assert.Equal([A, B], table.HostsOf(busy));
        Assert.Equal([B], table.HostsOf(One));
        Assert.Empty(table.HostsOf(old));
        Assert.Equal(["gone"], table.HostsOf(away).Select(n => n.Value));
    }

    [Fact]
    public void Names_each_host_once_until_it_is_known_to_have_none()
    {
        var table = new KeyTable();
        table.Add(One, A);
        table.Add(One, A);
        table.Add(One, B);
        Assert.Equal([A, B], table.HostsOf(One));
        table.Remove(One, A);
        table.Remove(One, B);
        table.Remove(One, B);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void Learns_anew_when_it_has_many_more_keys_than_were_true()
    {
        var table = new KeyTable(least: 3);
        table.Learn(View, Held((A, [Key("k1"), Key("k2")])), _ => false);
        for (var i = 0; i < 3; i++) table.Add(Key($"more{i}"), A);
        Assert.False(table.KnowsAllOf(View, One));

        table.Learn(View, Held((A, [Key("k1")])), _ => false);
        Assert.True(table.KnowsAllOf(View, One));
        Assert.Equal(1, table.Count);
    }

    private static Dictionary<NodeName, IReadOnlyList<PoolKey>> Held(params (NodeName Node, PoolKey[] Keys)[] held) => held.ToDictionary(h => h.Node, h => (IReadOnlyList<PoolKey>)h.Keys);
}
