using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class KeyHomesSpecs
{
    private static readonly Dictionary<NodeName, long> Nobody = [];

    [Theory]
    [InlineData("a", "n2")]
    [InlineData("f", "n0")]
    [InlineData("c", "n1")]
    public void Has_the_same_home_for_a_key_in_every_process_and_every_version(string key, string home)
        => Assert.Equal(home, KeyHomes.HomeOf(Key(key), Members("n0", "n1", "n2"))!.Node.Value);

    [Fact]
    public void Spreads_keys_over_the_members_and_moves_only_those_of_one_who_leaves()
    {
        var all = Members([.. Enumerable.Range(0, 10).Select(i => $"n{i}")]);
        var homes = Enumerable.Range(0, 5000).ToDictionary(i => Key($"k{i}"), i => KeyHomes.HomeOf(Key($"k{i}"), all)!.Node);
        Assert.All(homes.GroupBy(h => h.Value), g => Assert.InRange(g.Count(), 350, 650));

        var left = all.Where(m => m.Node.Value != "n3").ToList();
        foreach (var (key, home) in homes)
            if (home.Value != "n3") Assert.Equal(home, KeyHomes.HomeOf(key, left)!.Node);
    }

    [Fact]
    public void Does_not_depend_on_the_order_of_members_and_passes_over_those_that_are_not_full()
    {
        var all = Members("n0", "n1", "n2");
        for (var i = 0; i < 100; i++)
        {
            var key = Key($"k{i}");
            Assert.Equal(KeyHomes.HomeOf(key, all), KeyHomes.HomeOf(key, Enumerable.Reverse(all)));
            Assert.NotEqual("n1", KeyHomes.HomeOf(key, all.Select(m => m.Node.Value == "n1" ? m with { Full = false } : m))!.Node.Value);
        }

        Assert.Null(KeyHomes.HomeOf(Key("a"), all.Select(m => m with { Full = false })));
    }

    [Fact]
    public void Goes_to_the_keys_home_when_it_is_reached()
    {
        Assert.IsType<KeyRoute.Here>(KeyHomes.Route(View("n2", "n0", "n1", "n2"), Key("a")));
        Assert.Equal("n2", Assert.IsType<KeyRoute.At>(KeyHomes.Route(View("n0", "n0", "n1", "n2"), Key("a"))).Home.Node.Value);
    }

    [Fact]
    public void Says_why_when_the_home_cannot_be_asked()
    {
        var view = View("n0", "n0", "n1", "n2");
        Assert.Equal("n2, which keeps the key, is not reached", Why(view with { Members = Change(view, "n2", m => m with { Reachable = false }) }));
        Assert.Equal("n2, which keeps the key, has not said where it serves", Why(view with { Members = Change(view, "n2", m => m with { Peer = null }) }));
        Assert.Equal("this node is in no cluster now (no seed answers)", Why(KeyView.Outside("no seed answers")));
        Assert.Equal("the cluster has no full member yet", Why(view with { Members = [.. view.Members.Select(m => m with { Full = false })] }));
        static string Why(KeyView view) => Assert.IsType<KeyRoute.Unknown>(KeyHomes.Route(view, Key("a"))).Why;
    }

    [Fact]
    public void Obeys_the_home_that_it_sees_and_no_earlier_run_of_it()
    {
        var view = View("n0", "n0", "n1", "n2");
        Assert.True(KeyHomes.Obeys(view, Key("a"), new NodeName("n2"), uid: 1));
        Assert.False(KeyHomes.Obeys(view, Key("a"), new NodeName("n2"), uid: 2));
        Assert.False(KeyHomes.Obeys(view, Key("a"), new NodeName("n1"), uid: 1));
        Assert.False(KeyHomes.Obeys(KeyView.Outside(""), Key("a"), new NodeName("n2"), uid: 1));
    }

    [Fact]
    public void Has_been_home_only_when_nobody_who_was_a_full_member_since_comes_before_it()
    {
        // n2 comes before n0 and n1 for this key.
        var view = View("n0", "n0", "n1") with { Version = 7, WasFull = new Dictionary<NodeName, long> { [new("n2")] = 5 } };
        var key = Key("a");
        var home = KeyHomes.HomeOf(key, view.Members)!.Node.Value;
        view = View(home, "n0", "n1") with { Version = 7, WasFull = view.WasFull };

        Assert.True(KeyHomes.HasBeenHome(view, 6, key));
        Assert.False(KeyHomes.HasBeenHome(view, 5, key));
        Assert.False(KeyHomes.HasBeenHome(view with { Floor = 7 }, 6, key));
        Assert.False(KeyHomes.HasBeenHome(View(home == "n0" ? "n1" : "n0", "n0", "n1"), 1, key));
    }

    [Fact]
    public void Asks_all_hosts_only_when_all_are_reached_and_none_has_just_left()
    {
        var view = View("n0", "n0", "n1");
        Assert.Null(KeyHomes.WhyNotAsked(view));
        Assert.Null(KeyHomes.WhyNotAsked(view with { Members = Change(view, "n0", m => m with { Peer = null }) }));
        Assert.StartsWith("n1, which may have a VM", KeyHomes.WhyNotAsked(view with { Members = Change(view, "n1", m => m with { Reachable = false }) }), StringComparison.Ordinal);
        Assert.StartsWith("n1, which may have a VM", KeyHomes.WhyNotAsked(view with { Members = Change(view, "n1", m => m with { Peer = null }) }), StringComparison.Ordinal);
        Assert.StartsWith("n7, which may have a VM of the key, left less than 120 s ago", KeyHomes.WhyNotAsked(view with { Gone = [new NodeName("n7")] }), StringComparison.Ordinal);
        Assert.Equal("the node at x:1 has not said its name", KeyHomes.WhyNotAsked(view with { Unnamed = ["x:1"] }));
    }

    [Fact]
    public void Waits_for_a_host_that_may_have_a_vm_of_the_key_until_it_has_been_gone_for_long()
    {
        var (view, n1) = (View("n0", "n0", "n1"), new NodeName("n1"));
        Assert.IsType<KeyAnswer.Asked>(KeyHomes.Ask(view, n1));
        Assert.IsType<KeyAnswer.Silent>(KeyHomes.Ask(view with { Members = Change(view, "n1", m => m with { Reachable = false }) }, n1));
        Assert.IsType<KeyAnswer.Silent>(KeyHomes.Ask(View("n0", "n0") with { Gone = [n1] }, n1));
        Assert.IsType<KeyAnswer.Nobody>(KeyHomes.Ask(View("n0", "n0"), n1));
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(2, 0, true)]
    [InlineData(2, 1, false)]
    [InlineData(3, 1, true)]
    [InlineData(3, 2, false)]
    [InlineData(4, 2, false)]
    public void Places_nothing_from_a_part_that_may_be_the_smaller_one(int members, int away, bool places)
    {
        var view = View("n0", [.. Enumerable.Range(0, members).Select(i => $"n{i}")]);
        view = view with { Members = [.. view.Members.Select((m, i) => i >= members - away ? m with { Reachable = false } : m)] };
        Assert.Equal(places, KeyHomes.WhyNotPlaced(view) is null);
    }

    [Fact]
    public void Tells_by_its_digest_when_two_nodes_see_other_full_members()
    {
        var view = View("n0", "n0", "n1", "n2");
        Assert.Equal(KeyHomes.Digest(view), KeyHomes.Digest(View("n1", "n2", "n1", "n0") with { Version = 9 }));
        Assert.Equal(KeyHomes.Digest(View("n0", "n0", "n1")), KeyHomes.Digest(view with { Members = Change(view, "n2", m => m with { Full = false }) }));
        Assert.NotEqual(KeyHomes.Digest(view), KeyHomes.Digest(view with { Members = Change(view, "n2", m => m with { Uid = 2 }) }));
        Assert.NotEqual(KeyHomes.Digest(view), KeyHomes.Digest(View("n0", "n0", "n1")));
    }

    internal static PoolKey Key(string key) => new(PoolName.Default, key);

    internal static KeyView View(string self, params string[] members)
    {
        var all = Members(members);
        return new KeyView(all.First(m => m.Node.Value == self), "", all, [], 1, Nobody, 0, []);
    }

    private static List<KeyMember> Members(params string[] names) => [.. names.Select(n => new KeyMember(new NodeName(n), 1, Full: true, Reachable: true, new NodeAddress(n, 4751)))];

    private static List<KeyMember> Change(KeyView view, string node, Func<KeyMember, KeyMember> how) => [.. view.Members.Select(m => m.Node.Value == node ? how(m) : m)];
}
