using VmCacheCluster.Domain;
using Xunit;
using static VmCacheCluster.Tests.Unit.Domain.Cluster.KeyHomesSpecs;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class KeyTableSpecs
{
    private static readonly NodeName A = new("n0"), B = new("n1");

    /// <summary>n2 is the key's home.</summary>
    private static readonly PoolKey One = Key("a");

    private long _number;

    private static readonly KeyView View = KeyHomesSpecs.View("n2", "n0", "n1", "n2");

    [Fact]
    public void Knows_nothing_until_all_hosts_have_said_what_they_have()
    {
        var table = new KeyTable();
        Assert.False(table.KnowsAllOf(View, One));

        table.Learn(View, Held((A, [One])), ++_number);

        Assert.True(table.KnowsAllOf(View, One));
        Assert.Equal([A], table.HostsOf(One));
        Assert.Empty(table.HostsOf(Key("z")));
    }

    [Fact]
    public void Knows_nothing_of_another_run_of_its_part_in_the_cluster_nor_of_keys_that_were_anothers_since()
    {
        var table = new KeyTable();
        table.Learn(View, Held(), ++_number);

        Assert.False(table.KnowsAllOf(View with { Self = View.Self! with { Uid = 2 } }, One));
        // Somebody came, and left again; of one of the keys it was the home meanwhile.
        var since = View with { Version = 3, WasFull = new Dictionary<NodeName, long> { [new("x")] = 2 } };
        var keys = Enumerable.Range(0, 200).Select(i => Key($"k{i}")).Where(k => KeyHomes.Route(View, k) is KeyRoute.Here).ToList();
        var rival = new KeyMember(new NodeName("x"), 1, true, true, null);
        foreach (var key in keys) Assert.Equal(KeyHomes.HomeOf(key, [View.Self!, rival]) != rival, table.KnowsAllOf(since, key));
        Assert.Contains(keys, k => !table.KnowsAllOf(since, k));
    }

    [Fact]
    public void Forgets_what_is_gone_when_hosts_say_so_and_keeps_what_was_asked_of_them_since_and_what_is_of_others()
    {
        var table = new KeyTable();
        var (given, old, again, away) = (Key("given"), Key("old"), Key("again"), Key("away"));
        table.Add(old, A, 1);
        table.Add(again, A, 2);
        table.Add(away, new NodeName("gone"), 3);
        var view = View with { Gone = [new NodeName("gone")] };
        const long question = 4;
        // Hosts have answered, and the last one has not: meanwhile others are given VMs.
        table.Add(given, A, 5);
        table.Add(again, A, 6);

        table.Tidy(view, Held((A, []), (B, [One, given])), question);

        Assert.Equal([A, B], table.HostsOf(given));
        Assert.Equal([A], table.HostsOf(again));
        Assert.Equal([B], table.HostsOf(One));
        Assert.Empty(table.HostsOf(old));
        Assert.Equal(["gone"], table.HostsOf(away).Select(n => n.Value));
        // While a member has not said its name it may be that one, with its VMs.
        table.Tidy(View with { Unnamed = ["10.0.0.9"] }, Held((A, []), (B, [])), 7);
        Assert.Equal(1, table.Count);
        // It is no member any more, and will hardly come back: its leases count no more.
        table.Learn(View, Held((A, []), (B, [])), 8);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void Names_each_host_once_until_it_is_known_to_have_none()
    {
        var table = new KeyTable();
        table.Add(One, A, ++_number);
        table.Add(One, A, ++_number);
        table.Add(One, B, ++_number);
        Assert.Equal([A, B], table.HostsOf(One));
        table.Remove(One, A);
        table.Remove(One, B);
        table.Remove(One, B);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void Is_to_be_tidied_when_it_has_many_more_keys_than_were_true_and_answers_all_the_same()
    {
        var table = new KeyTable(least: 3, most: 100);
        table.Learn(View, Held((A, [Key("k1")]), (B, [Key("k2")])), ++_number);
        for (var i = 0; i < 3; i++) table.Add(Key($"more{i}"), A, ++_number);
        Assert.True(table.IsLarge);
        Assert.True(table.KnowsAllOf(View, One));

        // B says nothing.
        table.Tidy(View, Held((A, [Key("k1"), Key("more1")])), ++_number);

        Assert.False(table.IsLarge);
        Assert.True(table.KnowsAllOf(View, One));
        Assert.Equal(3, table.Count);
        Assert.Equal([B], table.HostsOf(Key("k2")));
        // As many more as are true.
        for (var i = 0; i < 3; i++) table.Add(Key($"yet{i}"), A, ++_number);
        Assert.False(table.IsLarge);
        table.Add(Key("yet3"), A, ++_number);
        Assert.True(table.IsLarge);
    }

    [Fact]
    public void Knows_all_by_what_all_hosts_say_and_not_by_what_some_do()
    {
        var table = new KeyTable();
        table.Tidy(View, Held((A, [One])), ++_number);
        Assert.False(table.KnowsAllOf(View, One));
        Assert.Equal([A], table.HostsOf(One));
    }

    [Fact]
    public void Is_full_with_the_most_keys_and_to_be_tidied_as_long_as_it_is()
    {
        var table = new KeyTable(least: 1, most: 4);
        table.Learn(View, Held((A, [Key("k1"), Key("k2"), Key("k3")])), ++_number);
        Assert.False(table.IsFull);
        table.Add(One, A, ++_number);
        Assert.True(table.IsFull);
        Assert.True(table.IsLarge);
        table.Remove(One, A);
        Assert.False(table.IsFull);
    }

    private static Dictionary<NodeName, IReadOnlyList<PoolKey>> Held(params (NodeName Node, PoolKey[] Keys)[] held) => held.ToDictionary(h => h.Node, h => (IReadOnlyList<PoolKey>)h.Keys);
}
