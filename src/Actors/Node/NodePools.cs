using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Node;

/// <summary>Which pools a host is to have.</summary>
internal sealed class NodePools(IEnumerable<PoolOptions> configured)
{
    public const string Retired = "it was deleted: `vmcache pool apply` with a file that has it makes it again";

    private readonly HashSet<PoolName> _retired = [];
    private Dictionary<PoolName, PoolOptions> _wanted = configured.ToDictionary(p => p.Name);

    /// <summary>It was deleted while the daemon ran.</summary>
    public bool IsRetired(PoolName pool) => _retired.Contains(pool);

    /// <param name="pools">All that are wanted from now on.</param>
    /// <returns>What is otherwise than before.</returns>
    public IReadOnlyList<Change> Apply(IReadOnlyList<PoolOptions> pools)
    {
        List<Change> changes = [.. _wanted.Keys.Where(name => pools.All(p => p.Name != name)).Select(name => new Change(name, null))];
        changes.AddRange(pools.Where(p => !_wanted.TryGetValue(p.Name, out var before) || before != p).Select(p => new Change(p.Name, p)));
        _wanted = pools.ToDictionary(p => p.Name);
        foreach (var change in changes)
        {
            if (change.Options is null) _retired.Add(change.Name);
            else _retired.Remove(change.Name);
        }

        return changes;
    }

    /// <param name="Options">Null: it is not wanted any more.</param>
    public sealed record Change(PoolName Name, PoolOptions? Options);
}
