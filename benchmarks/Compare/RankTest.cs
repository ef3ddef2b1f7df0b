namespace VmCacheCluster.Benchmarks.Compare;

/// <summary>The rank test of Mann and Whitney: exact, two-sided, with mean ranks for equal values.</summary>
public static class RankTest
{
    /// <returns>How probable a difference at least as large is where both come from one distribution; in [0, 1].</returns>
    public static double Probability(IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        var (ranks, ofOne) = DoubledRanks(one, other);
        var expected = ranks.Sum() * one.Count / (double)ranks.Count;
        var seen = Math.Abs(ofOne - expected);
        // ways[k][s]: how many choices of k values have ranks that sum to s.
        var most = ranks.Sum();
        var ways = new double[one.Count + 1, most + 1];
        ways[0, 0] = 1;
        foreach (var rank in ranks)
            for (var k = one.Count; k > 0; k--)
                for (var sum = most; sum >= rank; sum--) ways[k, sum] += ways[k - 1, sum - rank];
        double extreme = 0, all = 0;
        for (var sum = 0; sum <= most; sum++)
        {
            all += ways[one.Count, sum];
            if (Math.Abs(sum - expected) >= seen - 1e-9) extreme += ways[one.Count, sum];
        }

        return extreme / all;
    }

    /// <summary>Twice the ranks, which are whole numbers then; and the sum of those of the first sample.</summary>
    private static (List<int> All, int OfOne) DoubledRanks(IReadOnlyList<double> one, IReadOnlyList<double> other)
    {
        var sorted = one.Concat(other).Order().ToList();
        int Rank(double value) => sorted.IndexOf(value) + sorted.LastIndexOf(value) + 2;
        return (sorted.ConvertAll(Rank), one.Sum(Rank));
    }
}
