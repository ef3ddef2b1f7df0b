namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What somebody who typed an unknown key probably meant.</summary>
internal static class Nearest
{
    /// <summary>The candidate of least edit distance, or null when none is near.</summary>
    public static string? To(string typed, IEnumerable<string> candidates) => candidates
        .Select(candidate => (candidate, Distance: Distance(typed.ToLowerInvariant(), candidate)))
        .Where(c => c.Distance <= Math.Max(2, c.candidate.Length / 3))
        .OrderBy(c => c.Distance).ThenBy(c => c.candidate, StringComparer.Ordinal)
        .Select(c => c.candidate).FirstOrDefault();

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
