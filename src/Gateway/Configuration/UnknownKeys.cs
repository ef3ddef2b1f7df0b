namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Finds keys that nobody reads: reference.conf has them all.</summary>
internal static class UnknownKeys
{
    /// <summary>Of so many faults nobody reads the rest, and looking for the key that was meant takes its time.</summary>
    private const int MostMeant = 50;

    public static void Find(ConfigNode file, ConfigNode reference, string source, ICollection<ConfigurationFault> faults)
    {
        Compare(file, "", ["vmcache"], source, faults);
        if (file["vmcache"] is not { } ours) return;
        var known = reference["vmcache"]!;
        Walk(ours, known, "vmcache", source, faults);
        var defaults = known["pool-defaults"]!;
        foreach (var (name, pool) in ours["pools"]?.Children ?? new Dictionary<string, ConfigNode>())
            Walk(pool, defaults, $"vmcache.pools.{name}", source, faults);
    }

    /// <param name="also">Keys that are known here beside those of the reference.</param>
    public static void Walk(
        ConfigNode node, ConfigNode known, string prefix, string source, ICollection<ConfigurationFault> faults, params string[] also)
    {
        if (node.Children is null)
        {
            if (!node.IsNull)
                faults.Add(new ConfigurationFault(prefix, node.Shown, "it must be an object", source, $"write {prefix} {{ ... }}"));
            return;
        }
        Compare(node, prefix + ".", known.Children!.Keys.Concat(also), source, faults);
        foreach (var (key, child) in node.Children)
            if (key != "pools" && known[key] is { Children: not null } inner)
                Walk(child, inner, $"{prefix}.{key}", source, faults);
            else if (key == "pools" && child.Children is null && !child.IsNull)
                faults.Add(new ConfigurationFault($"{prefix}.{key}", child.Shown, "it must be an object", source, "write pools { name { ... } }"));
    }

    private static void Compare(
        ConfigNode node, string prefix, IEnumerable<string> known, string source, ICollection<ConfigurationFault> faults)
    {
        var names = known.ToList();
        foreach (var (key, value) in node.Children ?? new Dictionary<string, ConfigNode>())
        {
            if (names.Contains(key)) continue;
            var meant = faults.Count < MostMeant ? Nearest.To(key, names) : null;
            faults.Add(new ConfigurationFault(
                prefix + key, value.Shown, "there is no such key", source,
                meant is null ? "remove it; the keys are in reference.conf" : $"did you mean {prefix}{meant}?"));
        }
    }
}
