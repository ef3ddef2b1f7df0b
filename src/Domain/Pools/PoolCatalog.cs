namespace VmCacheCluster.Domain;

/// <summary>What a host knows of a pool that was applied.</summary>
/// <param name="Wanted">What counts.</param>
/// <param name="Reached">What this host has made last, and goes back to when the wanted one cannot be made; "deleted": what its own file says, if anything.</param>
/// <param name="Undone">Why this host went back; null: it did not.</param>
/// <param name="Share">How many VMs of a total are this host's to keep warm.</param>
public sealed record KnownPool(PoolDefinition Wanted, PoolDefinition Reached, string? Undone = null, int Share = 0)
{
    /// <summary>What this host makes now.</summary>
    public PoolDefinition InEffect => Undone is null ? Wanted : Reached;
}

/// <summary>The pools that were applied, as one host knows them. Pure: a change gives another one.</summary>
public sealed record PoolCatalog(IReadOnlyDictionary<PoolName, KnownPool> Pools)
{
    public static readonly PoolCatalog Empty = new(new Dictionary<PoolName, KnownPool>());

    public IEnumerable<PoolDefinition> Definitions => Pools.Values.Select(p => p.Wanted);

    /// <summary>Takes over what is newer than what is known; what is older or the same changes nothing.</summary>
    public PoolCatalog Merge(IEnumerable<PoolDefinition> definitions)
    {
        var pools = new Dictionary<PoolName, KnownPool>(Pools);
        var changed = false;
        foreach (var definition in definitions)
        {
            var known = pools.GetValueOrDefault(definition.Name);
            if (!definition.Supersedes(known?.Wanted)) continue;
            changed = true;
            pools[definition.Name] = new KnownPool(definition, known?.Reached ?? new PoolDefinition(definition.Name, 0, "", Deleted: true), null, known?.Share ?? 0);
        }

        return changed ? new PoolCatalog(pools) : this;
    }

    /// <summary>There is nothing to go back to any more: this host makes what is wanted.</summary>
    public PoolCatalog Reach(PoolName pool) => With(pool, known => known with { Reached = known.Wanted, Undone = null });

    /// <summary>This host went back to what it made before.</summary>
    public PoolCatalog Undo(PoolName pool, string reason) => With(pool, known => known with { Undone = reason });

    /// <param name="shares">Of this host; pools that are not named keep theirs.</param>
    public PoolCatalog Share(IReadOnlyDictionary<PoolName, int> shares)
        => shares.Aggregate(this, (catalog, share) => catalog.With(share.Key, known => known.Share == share.Value ? known : known with { Share = share.Value }));

    private PoolCatalog With(PoolName pool, Func<KnownPool, KnownPool> change)
        => !Pools.TryGetValue(pool, out var known) || change(known) is var next && next == known ? this : new PoolCatalog(new Dictionary<PoolName, KnownPool>(Pools) { [pool] = change(known) });
}
