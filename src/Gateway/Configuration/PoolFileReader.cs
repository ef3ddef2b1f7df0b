using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What `vmcache pool apply -f` reads: pools as in vmcache.conf, with the keys of pool-defaults, and `total`.</summary>
public static class PoolFileReader
{
    /// <summary>How many VMs all hosts of the cluster keep warm together, instead of vm-cache-number on each.</summary>
    public const string Total = "total";

    /// <summary>Of which a host makes pools at all, each with actors and VMs of its own.</summary>
    public const int Most = 256;

    private const string Source = "the pool file";

    private const string Shape = "write vmcache.pools { NAME { vm-cache-number = 4 } }";

    /// <summary>What belongs to a host and not to a pool.</summary>
    internal static readonly string[] OfTheHost = ["endpoint", "kata-config", "kata-version"];

    /// <returns>The pools, by name, each as lines "key = value" that mean the same wherever they are read.</returns>
    public static IReadOnlyDictionary<PoolName, string> Read(string text, ICollection<ConfigurationFault> faults)
    {
        ConfigNode file;
        try
        {
            file = HoconText.Parse(text);
        }
        catch (FormatException e)
        {
            faults.Add(new ConfigurationFault("", "", $"it is not valid HOCON: {e.Message}", Source, "correct it there"));
            return new Dictionary<PoolName, string>();
        }

        var root = file["vmcache.pools"] is not null ? "vmcache.pools" : "pools";
        foreach (var (key, node) in Others(file, root))
            faults.Add(new ConfigurationFault(key, node.Shown, "it is no pool's: the file holds pools alone", Source, "what concerns a host is in its vmcache.conf"));
        if (file[root]?.Children is not { Count: > 0 } pools)
        {
            faults.Add(new ConfigurationFault(root, file[root]?.Shown ?? "", "there is no pool", Source, Shape));
            return new Dictionary<PoolName, string>();
        }

        if (pools.Count > Most)
        {
            faults.Add(new ConfigurationFault(root, "", $"there are {pools.Count} pools, of at most {Most}", Source, "a pool is a kind of VM: many VMs of one kind are one pool's vm-cache-number"));
            return new Dictionary<PoolName, string>();
        }

        var read = new Dictionary<PoolName, string>();
        foreach (var (name, pool) in pools)
        {
            if (!PoolName.TryParse(name, out var known))
                faults.Add(new ConfigurationFault($"{root}.{name}", "", "it is not a pool's name", Source, "use 1 to 63 of a-z, 0-9 and \"-\", beginning with a letter or digit"));
            else if (pool.Children is null)
                faults.Add(new ConfigurationFault($"{root}.{name}", pool.Shown, "it must be an object", Source, Shape));
            else
                read[known] = Lines(pool, $"{root}.{name}", faults);
        }

        return read;
    }

    /// <returns>Null: it has none.</returns>
    public static int? TotalOf(PoolDefinition pool)
    {
        try
        {
            return !pool.Deleted && HoconText.Parse(pool.Text)[Total]?.Text is { } text && int.TryParse(text, out var total) ? total : null;
        }
        catch (FormatException)
        {
            // A fault of its own when the pool is read.
            return null;
        }
    }

    private static IEnumerable<(string Key, ConfigNode Node)> Others(ConfigNode file, string root)
    {
        foreach (var (key, node) in file.Children ?? new Dictionary<string, ConfigNode>())
        {
            if (key == "vmcache" && root.StartsWith("vmcache.", StringComparison.Ordinal))
                foreach (var (inner, at) in node.Children!.Where(c => c.Key != "pools")) yield return ($"vmcache.{inner}", at);
            else if (key != root)
                yield return (key, node);
        }
    }

    private static string Lines(ConfigNode pool, string prefix, ICollection<ConfigurationFault> faults)
    {
        var reference = ConfigurationFile.Reference()["vmcache.pool-defaults"]!;
        UnknownKeys.Walk(pool, reference, prefix, Source, faults, Total);
        foreach (var key in OfTheHost.Where(k => pool[k] is { IsNull: false }))
            faults.Add(new ConfigurationFault($"{prefix}.{key}", pool[key]!.Shown, "it belongs to a host", Source, "set it in that host's vmcache.conf"));
        if (pool[Total] is { IsNull: false } total)
        {
            if (!int.TryParse(total.Text, out var number) || number is < 0 or > 1_000_000)
                faults.Add(new ConfigurationFault($"{prefix}.{Total}", total.Shown, "it is not a whole number from 0 to 1000000", Source, "give the number of VMs that all hosts keep warm together"));
            if (pool["vm-cache-number"] is { IsNull: false } each)
                faults.Add(new ConfigurationFault($"{prefix}.vm-cache-number", each.Shown, $"there is {Total} too", Source, $"give {Total} (all hosts together) or vm-cache-number (each host)"));
        }

        var lines = new StringBuilder();
        Write(pool, "", lines);
        return lines.ToString();
    }

    private static void Write(ConfigNode node, string prefix, StringBuilder lines)
    {
        foreach (var (key, child) in (node.Children ?? new Dictionary<string, ConfigNode>()).OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            if (child.Children is not null) Write(child, $"{prefix}{key}.", lines);
            else if (child.Text is { } text) lines.Append(prefix).Append(key).Append(" = \"").Append(text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append("\"\n");
            // What is no value is a fault of its own when it is read.
            else if (!child.IsNull) lines.Append(prefix).Append(key).Append(" = []\n");
        }
    }
}
