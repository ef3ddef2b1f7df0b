using System.Globalization;

namespace VmCacheCluster.Cli.Output;

/// <summary>What <c>vmcache pool</c> prints as text.</summary>
internal static class PoolText
{
    /// <summary>What a host's own configuration is called, with its flags and variables.</summary>
    private const string File = "vmcache.conf";

    internal static string Changes(PoolChangesView changes)
        => string.Concat(changes.Changes.Select(c => $"pool {c.Pool}: {c.Kind}{(changes.DryRun && c.Kind != "unchanged" ? " (nothing was done: --dry-run)" : "")}\n"));

    internal static string List(AppliedPoolsView applied, DateTimeOffset now, Style style)
    {
        var problem = applied.Problem is { } text ? style.Bad(Table.OneLine(text)) + "\n\n" : "";
        var own = applied.HostPools.Select(p => p.Pool).ToHashSet();
        var table = new Table("POOL", "FROM", "AGE", "TARGET", "SETTINGS", "REASON");
        foreach (var pool in applied.HostPools.Where(h => applied.Pools.All(p => p.Pool != h.Pool))) table.Add(pool.Pool, File, "-", $"{pool.Target} here", "-", "");
        foreach (var pool in applied.Pools)
        {
            var settings = Settings(pool);
            table.Add(
                pool.Pool, own.Contains(pool.Pool) ? $"{File}, applied" : "applied", pool.AppliedAt is { } at ? Durations.Age(now - at) : "-",
                Target(settings, pool.Share ?? 0), settings.Count.ToString(CultureInfo.InvariantCulture),
                new Table.Cell(pool.Undone is { } why ? $"undone here: {why}" : "", style.Warn));
        }

        return problem + table;
    }

    internal static string Of(AppliedPoolView pool)
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
