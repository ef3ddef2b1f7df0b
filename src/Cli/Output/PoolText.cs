using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary>What <c>vmcache pool</c> prints as text.</summary>
internal static class PoolText
{
    internal static string Changes(PoolChangesView changes)
        => string.Concat(changes.Changes.Select(c => $"pool {c.Pool}: {c.Kind}{(changes.DryRun && c.Kind != "unchanged" ? " (nothing was done: --dry-run)" : "")}\n"));

    internal static string List(AppliedPoolsView applied, DateTimeOffset now, Style style)
    {
        var problem = applied.Problem is { } text ? style.Bad(Table.OneLine(text)) + "\n\n" : "";
        if (applied.Pools.Count == 0) return $"{problem}no pool was applied: this host has those of its vmcache.conf\n";
        var table = new Table("POOL", "AGE", "TARGET", "SETTINGS", "REASON");
        foreach (var pool in applied.Pools)
        {
            var settings = Settings(pool);
            table.Add(
                pool.Pool, pool.AppliedAt is { } at ? Durations.Age(now - at) : "-", Target(settings, pool.Share ?? 0), settings.Count.ToString(CultureInfo.InvariantCulture),
                new Table.Cell(pool.Undone is { } why ? $"undone here: {why}" : "", style.Warn));
        }

        return problem + table;
    }

    internal static string File(AppliedPoolView pool)
        => $"vmcache.pools.{pool.Pool} {{\n{string.Concat(pool.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => $"  {l}\n"))}}}\n";

    /// <summary>All hosts together keep so many.</summary>
    internal static bool HasTotal(string text) => Settings(text).ContainsKey("total");

    private static string Target(Dictionary<string, string> settings, uint share)
        => settings.TryGetValue("total", out var total) ? $"{total} together, {share} here"
            : settings.TryGetValue("vm-cache-number", out var each) ? $"{each} each" : "as each host says";

    private static Dictionary<string, string> Settings(AppliedPoolView pool) => Settings(pool.Text);

    private static Dictionary<string, string> Settings(string text)
        => text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(" = ", 2)).Where(p => p.Length == 2).ToDictionary(p => p[0], p => p[1].Trim('"'));
}
