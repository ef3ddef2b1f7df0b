using System.Globalization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>A pool that was applied, weaker than what the host's own file says of a pool of that name.</summary>
/// <param name="Share">How many VMs of its total are this host's.</param>
/// <param name="Source">For a person: where it comes from.</param>
public sealed record AppliedPool(PoolDefinition Definition, int Share, string Source)
{
    /// <summary>Where a share comes from.</summary>
    internal const string Dealt = "this host's share of the total";

    public PoolName Name => Definition.Name;

    /// <param name="faults">Gets what is wrong with its text: a member of the cluster sent it, or it lay on a disk.</param>
    internal IReadOnlyList<Layer> Layers(ICollection<ConfigurationFault> faults)
    {
        var prefix = $"pools.{Name}";
        try
        {
            var text = HoconText.Parse(Definition.Text);
            foreach (var key in PoolFileReader.OfTheHost.Where(k => text[k] is { IsNull: false }))
                faults.Add(new ConfigurationFault($"{prefix}.{key}", text[key]!.Shown, "it belongs to a host", Source, "apply the pool anew without it"));
            var own = new Layer(text, prefix, Source);
            return PoolFileReader.TotalOf(Definition) is null ? [own]
                : [new Layer(ConfigNode.Of("vm-cache-number", Share.ToString(CultureInfo.InvariantCulture)), prefix, Dealt), own];
        }
        catch (FormatException e)
        {
            faults.Add(new ConfigurationFault(prefix, "", $"it is not valid HOCON: {e.Message}", Source, "apply the pool anew, or delete it"));
            return [];
        }
    }
}
