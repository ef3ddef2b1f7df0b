using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>This host's configuration with pools that were applied: as it was at the daemon's start, and with whichever pools.</summary>
/// <param name="load">Reads it.</param>
public sealed class PoolSource(Func<IReadOnlyList<AppliedPool>, ConfigurationResult> load)
{
    /// <summary>In all: a member reads them in one message, and the next start in one file.</summary>
    public const int MostBytes = 2 * 1024 * 1024;

    public const string Stored = "the pools that were applied (`vmcache pool list`)";

    /// <param name="definitions">With this host's shares.</param>
    /// <param name="source">For a person: where they come from.</param>
    public ConfigurationResult Load(IEnumerable<(PoolDefinition Definition, int Share)> definitions, string source = Stored)
    {
        var pools = definitions.Where(d => !d.Definition.Deleted).Select(d => new AppliedPool(d.Definition, d.Share, source)).ToList();
        var bytes = pools.Sum(p => (long)Encoding.UTF8.GetByteCount(p.Definition.Text));
        return pools.Count > PoolFileReader.Most ? TooMany($"{pools.Count} pools were applied, of at most {PoolFileReader.Most}", source)
            : bytes > MostBytes ? TooMany($"the pools that were applied have {bytes} bytes, of at most {MostBytes}", source)
            : load(pools);
    }

    private static ConfigurationResult TooMany(string reason, string source)
        => new(null, [new ConfigurationFault("pools", "", reason, source, "delete some: vmcache pool delete")]);

    public ConfigurationResult InEffect(PoolCatalog catalog) => Load(catalog.Pools.Values.Select(p => (p.InEffect, p.Share)));

    /// <summary>What a start begins with.</summary>
    public ConfigurationResult Settled(PoolCatalog catalog) => Load(catalog.Pools.Values.Select(p => (p.Reached, p.Share)));
}

/// <summary>The daemon's configuration at its start, with the pools that were applied before it.</summary>
/// <param name="Loaded">Faults alone, or options with these pools.</param>
/// <param name="Problem">Why these pools are not there, or not in full; null: they are.</param>
public sealed record StartingPools(ConfigurationResult Loaded, PoolCatalog Catalog, PoolSource Source, string? Problem = null)
{
    /// <summary>The pools of the host's own configuration, as they would be if none were applied.</summary>
    public IReadOnlyList<PoolOptions> Own { get; init; } = [];

    /// <summary>Options that were not read: what is applied leaves them as they are.</summary>
    public static StartingPools Of(NodeOptions options)
    {
        var loaded = new ConfigurationResult(options, []);
        return new StartingPools(loaded, PoolCatalog.Empty, new PoolSource(_ => loaded)) { Own = options.Pools };
    }

    public static StartingPools Read(PoolSource source)
    {
        var bare = source.Load([]);
        return bare.Options is { } options ? Read(source, bare, options) with { Own = options.Pools } : new StartingPools(bare, PoolCatalog.Empty, source);
    }

    private static StartingPools Read(PoolSource source, ConfigurationResult bare, NodeOptions options)
    {
        try
        {
            var catalog = new PoolsFile(options.StateDirectory).Read();
            if (catalog.Pools.Count == 0) return new StartingPools(bare, catalog, source);
            var all = source.Settled(catalog);
            return all.Options is not null ? new StartingPools(all, catalog, source, all.Fewer)
                : new StartingPools(bare, catalog, source, $"the pools that were applied cannot be used on this host: {ConfigurationReport.Format(all.Faults).TrimEnd()}");
        }
        catch (IOException e)
        {
            return new StartingPools(bare, PoolCatalog.Empty, source, $"the pools that were applied cannot be read: {e.Message}");
        }
    }
}
