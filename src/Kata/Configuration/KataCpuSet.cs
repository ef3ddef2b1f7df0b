using System.Globalization;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>A list of numbers as the kernel writes it: 0-3,8.</summary>
internal static class KataCpuSet
{
    private const int Most = 4096;

    /// <returns>In order, each once; null: it is no such list.</returns>
    public static IReadOnlyList<int>? Parse(string text)
    {
        SortedSet<int> numbers = [];
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || Number(ends[0]) is not { } from || Number(ends[^1]) is not { } to || to < from || to > Most) return null;
            numbers.UnionWith(Enumerable.Range(from, to - from + 1));
        }

        return [.. numbers];
    }

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
