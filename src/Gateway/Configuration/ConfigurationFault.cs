using System.Text;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>One thing that is wrong with the configuration.</summary>
/// <param name="Key">The full key, such as vmcache.pool-defaults.memory; the file's path when the file is at fault.</param>
/// <param name="Value">What stands there; empty when nothing does.</param>
/// <param name="Reason">What is wrong with it.</param>
/// <param name="Source">File, flag or variable it comes from.</param>
/// <param name="Remedy">What to do; empty when nothing general can be said.</param>
public sealed record ConfigurationFault(string Key, string Value, string Reason, string Source, string Remedy = "");

/// <summary>Options, or all that stands in their way. Exactly one of the two is there.</summary>
public sealed record ConfigurationResult(NodeOptions? Options, IReadOnlyList<ConfigurationFault> Faults)
{
    /// <summary>What pools with a Kata configuration serve.</summary>
    public IReadOnlyDictionary<PoolName, KataServed> Kata { get; init; } = new Dictionary<PoolName, KataServed>();

    /// <summary>How the process's descriptors are shared out; null: that was not asked.</summary>
    public DescriptorPlan? Descriptors { get; init; }

    /// <summary>Why this host has less of the pools' totals than its share, for a person; null: it has all.</summary>
    public string? Fewer { get; init; }

    /// <summary>What does not stand in the way, and should be known: the pool, and what is to be said of it.</summary>
    public IReadOnlyList<(PoolName Pool, string Text)> Warnings { get; init; } = [];
}

/// <summary>Faults as a person reads them.</summary>
public static class ConfigurationReport
{
    public static string Format(IReadOnlyList<ConfigurationFault> faults)
    {
        var text = new StringBuilder();
        text.Append("The configuration has ").Append(faults.Count).Append(faults.Count == 1 ? " fault:" : " faults:").Append('\n');
        foreach (var fault in faults)
        {
            text.Append("  ").Append(fault.Key);
            if (fault.Value.Length > 0) text.Append(" = ").Append(Shown(fault.Value));
            text.Append(": ").Append(fault.Reason).Append("\n      in ").Append(fault.Source).Append('\n');
            if (fault.Remedy.Length > 0) text.Append("      -> ").Append(fault.Remedy).Append('\n');
        }
        return text.ToString();
    }

    private static string Shown(string value)
    {
        var text = Printable.OneLine(value);
        return text.Length <= 200 ? text : text[..200] + "...";
    }
}
