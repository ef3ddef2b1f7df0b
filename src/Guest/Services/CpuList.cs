using System.Globalization;

namespace VmCacheCluster.Guest.Services;

/// <summary>The kernel's lists of CPUs, such as "0-2,5".</summary>
internal static class CpuList
{
    /// <summary>How many CPUs are in the list.</summary>
    public static int Count(string list)
    {
        var count = 0;
        foreach (var range in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var dash = range.IndexOf('-', StringComparison.Ordinal);
            count += dash < 0 ? 1 : Number(range.AsSpan(dash + 1)) - Number(range.AsSpan(0, dash)) + 1;
        }

        return count;
    }

    private static int Number(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
