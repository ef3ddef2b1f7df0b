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

    internal IReadOnlyList<Layer> Layers
    {
        get
        {
            var prefix = $"pools.{Name}";
            var own = new Layer(HoconText.Parse(Definition.Text), prefix, Source);
            return PoolFileReader.TotalOf(Definition) is null ? [own]
                : [new Layer(ConfigNode.Of("vm-cache-number", Share.ToString(CultureInfo.InvariantCulture)), prefix, Dealt), own];
        }
    }
}
