using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain.Cluster;

public class CapacityRulesSpecs
{
    [Theory]
    [InlineData(12, "4 4 4")]
    [InlineData(10, "4 3 3")]
    [InlineData(2, "1 1 0")]
    [InlineData(0, "0 0 0")]
    public void Gives_every_host_as_much_when_nothing_is_known_of_demand(int total, string shares)
        => Assert.Equal(shares, Dealt(total, Host("a"), Host("b"), Host("c")));

    [Fact]
    public void Gives_one_half_by_demand_and_leaves_none_without()
        => Assert.Equal("12 5 3", Dealt(20, Host("a", demand: 80), Host("b", demand: 15), Host("c")));

    [Fact]
    public void Gives_no_host_more_than_it_has_memory_for_and_the_rest_to_the_others()
    {
        Assert.Equal("2 9 9", Dealt(20, Host("a", demand: 100, room: 2), Host("b"), Host("c")));
        Assert.Equal("2 3", Dealt(20, Host("a", room: 2), Host("b", room: 3)));
    }

    [Fact]
    public void Leaves_to_those_that_cannot_be_told_what_they_have()
        => Assert.Equal("5 4 3", Dealt(12, Host("a", share: 5) with { Standing = ShareStanding.Keeping }, Host("b"), Host("c")));

    [Fact]
    public void Gives_nothing_to_those_that_are_to_have_none()
        => Assert.Equal("0 6 6", Dealt(12, Host("a", share: 4) with { Standing = ShareStanding.Leaving }, Host("b", share: 4), Host("c", share: 4)));

    [Fact]
    public void Leaves_small_differences_alone()
    {
        // 20 and 20 of demand would be 10 and 10.
        Assert.Equal("11 9", Dealt(20, Host("a", share: 11, demand: 20), Host("b", share: 9, demand: 20)));
        Assert.Equal("10 10", Dealt(20, Host("a", share: 12, demand: 20), Host("b", share: 8, demand: 20)));
    }

    [Fact]
    public void Leaves_one_VM_of_many_hosts_where_it_is()
        => Assert.Equal("0 0 1", Dealt(1, Host("a", demand: 2), Host("b", demand: 1.9), Host("c", share: 1, demand: 1.8)));

    [Fact]
    public void Comes_to_rest_and_gives_all_whatever_the_hosts_are_like()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var hosts = Enumerable.Range(0, random.Next(1, 9)).Select(i => new Shareholder(
                new NodeName($"n{i}"), random.Next(8) switch { 0 => ShareStanding.Keeping, 1 => ShareStanding.Leaving, _ => ShareStanding.Taking },
                random.Next(20), random.Next(20), random.Next(3) == 0 ? random.Next(12) : 1000, random.Next(4) == 0 ? 0 : random.NextDouble() * 50)).ToList();
            var total = random.Next(60);

            var deal = CapacityRules.Deal(total, hosts);
            var rest = CapacityRules.Deal(total, [.. hosts.Select(h => h with { Share = deal[h.Node] })]);

            Assert.Equal(deal, rest);
            var taking = hosts.Where(h => h.Standing == ShareStanding.Taking).ToList();
            var left = Math.Max(0, total - hosts.Where(h => h.Standing == ShareStanding.Keeping).Sum(h => h.Share));
            Assert.Equal(Math.Min(left, taking.Sum(h => h.Room)), taking.Sum(h => deal[h.Node]));
            Assert.All(taking, h => Assert.InRange(deal[h.Node], 0, h.Room));
        }
    }

    [Fact]
    public void Takes_from_one_host_only_what_the_others_have_made()
    {
        var (a, b) = (Host("a", share: 8) with { Warm = 8 }, Host("b"));
        var deal = CapacityRules.Deal(8, [a, b]);
        Assert.Equal("8 4", Stepped(deal, a, b));

        b = b with { Share = 4, Warm = 3 };
        Assert.Equal("5 4", Stepped(CapacityRules.Deal(8, [a, b]), a, b));

        b = b with { Warm = 4 };
        Assert.Equal("4 4", Stepped(CapacityRules.Deal(8, [a, b]), a, b));
    }

    [Fact]
    public void Takes_at_once_what_nobody_is_to_make()
        => Assert.Equal("2 2", Stepped(CapacityRules.Deal(4, [Host("a", share: 8), Host("b", share: 8)]), Host("a", share: 8) with { Warm = 8 }, Host("b", share: 8) with { Warm = 8 }));

    [Fact]
    public void Counts_callers_that_came_long_ago_less()
    {
        var at = DateTimeOffset.UnixEpoch;
        var demand = Demand.Since(at).Next(10, at);
        Assert.Equal(5, demand.PerMinute);

        Assert.Equal(5 / Math.E, demand.Next(10, at + Demand.Memory).PerMinute, 6);
        Assert.Equal(6.5, demand.Next(13, at).PerMinute);
        // The pool has started anew and counts from nothing.
        Assert.Equal(6, demand.Next(2, at).PerMinute);
    }

    private static Shareholder Host(string name, int share = 0, double demand = 0, int room = 1000)
        => new(new NodeName(name), ShareStanding.Taking, share, 0, room, demand);

    private static string Dealt(int total, params Shareholder[] hosts) => Shown(CapacityRules.Deal(total, hosts), hosts);

    private static string Stepped(IReadOnlyDictionary<NodeName, int> deal, params Shareholder[] hosts) => Shown(CapacityRules.Step(deal, hosts), hosts);

    private static string Shown(IReadOnlyDictionary<NodeName, int> shares, Shareholder[] hosts) => string.Join(' ', hosts.Select(h => shares[h.Node]));
}
