using System.Globalization;
using System.Text;

namespace VmCacheCluster.Cli.Output;

/// <summary><c>vmcache cluster status</c> and <c>vmcache node list</c> as text.</summary>
internal static class ClusterText
{
    internal static string Status(ClusterView cluster, bool wide, Style style)
    {
        var text = new StringBuilder();
        if (cluster.Name is null) text.Append($"{cluster.Node} is in no cluster: start vmcached with --join HOST:PORT or --bootstrap\n\n");
        else if (cluster.Id is null) text.Append(style.Bad($"{cluster.Node} is not in the cluster {cluster.Name} now: {Table.OneLine(cluster.Reason ?? Words.Unknown)}")).Append("\n\n");
        else if (wide) text.Append($"cluster {cluster.Name} ({cluster.Id}), seen by {cluster.Node}\n\n");
        text.Append(Hosts(cluster, wide, style));
        return text.Append('\n').Append(Pools(cluster, wide, style)).ToString();
    }

    internal static Table Hosts(ClusterView cluster, bool wide, Style style)
    {
        string[] heads = ["NODE", "STATE", "WARM", "LEASED", "MEMORY", "GATEWAY"];
        var table = new Table(wide ? [.. heads, "ADDRESS", "VERSION", "LABELS"] : heads);
        foreach (var host in cluster.Hosts)
        {
            Func<string, string> paint = host.State switch { "up" => style.Good, "unreachable" => style.Bad, _ => style.Warn };
            Table.Cell[] cells =
            [
                host.Node, new(host.State, paint), Number(host.Pools.Sum(p => p.Warm)), Number(host.Pools.Sum(p => p.Leased)), host.MemoryMiB is null ? "-" : $"{host.MemoryMiB} MiB", host.Gateway ?? "-",
            ];
            var labels = host.Labels is null ? "-" : string.Join(",", host.Labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={l.Value}"));
            table.Add(wide ? [.. cells, host.Address ?? "-", host.Version ?? "-", labels] : cells);
        }

        return table;
    }

    private static Table Pools(ClusterView cluster, bool wide, Style style)
    {
        string[] heads = ["POOL", "NODE", "READY", "WARMING", "LEASED", "WAITING"];
        var table = new Table(wide ? [.. heads, "REFILL-TIME", "REVISION"] : heads);
        foreach (var (pool, node) in cluster.Hosts.SelectMany(h => h.Pools.Select(p => (p, h.Node))).OrderBy(p => p.p.Pool, StringComparer.Ordinal).ThenBy(p => p.Node, StringComparer.Ordinal))
        {
            Func<string, string> paint = pool.Warm >= pool.Target ? style.Good : pool.Warm == 0 ? style.Bad : style.Warn;
            Table.Cell[] cells = [pool.Pool, node, new($"{pool.Warm}/{pool.Target}", paint), Number(pool.Warming), Number(pool.Leased), Number(pool.Waiting)];
            table.Add(wide ? [.. cells, pool.RefillMilliseconds is { } took ? Durations.Exact(TimeSpan.FromMilliseconds(took)) : "-", pool.Revision ?? "-"] : cells);
        }

        return table;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
