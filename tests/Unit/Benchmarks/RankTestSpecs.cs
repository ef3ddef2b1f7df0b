using VmCacheCluster.Benchmarks.Compare;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Benchmarks;

public sealed class RankTestSpecs
{
    /// <summary>All of one before all of the other: 2 of the C(2n, n) orders.</summary>
    [Theory]
    [InlineData(3, 2 / 20.0)]
    [InlineData(7, 2 / 3432.0)]
    public void Is_exact_where_the_samples_do_not_overlap(int n, double probability)
    {
        List<double> low = [.. Enumerable.Range(0, n).Select(i => (double)i)], high = low.ConvertAll(v => v + 100);

        Assert.Equal(probability, RankTest.Probability(low, high), 12);
        Assert.Equal(probability, RankTest.Probability(high, low), 12);
    }

    /// <summary>Counted by hand: of the 20 orders of three and three, 14 have a sum of ranks at least as far from 10.5 as 1 + 3 + 5.</summary>
    [Fact]
    public void Counts_the_orders_that_are_at_least_as_uneven() => Assert.Equal(14 / 20.0, RankTest.Probability([1, 3, 5], [2, 4, 6]), 12);

    [Fact]
    public void Sees_no_difference_between_equal_samples()
    {
        Assert.Equal(1, RankTest.Probability([1, 2, 3], [1, 2, 3]), 12);
        Assert.Equal(1, RankTest.Probability([4, 4, 4, 4], [4, 4, 4]), 12);
    }
}
