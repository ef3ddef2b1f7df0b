using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Who was asked for one VM, and what they said.</summary>
/// <param name="here">The host that the caller asked.</param>
internal sealed class Tries(PoolName pool, IDictionary<string, string> affinity, NodeName here)
{
    private readonly Dictionary<string, RpcException> _refusals = [];
    private readonly HashSet<NodeName> _nodes = [];
    private readonly Dictionary<string, string> _affinity = new(affinity);

    public PoolName Pool { get; } = pool;

    public int Count => _refusals.Count;

    /// <summary>For a person: each host, and why not.</summary>
    public IReadOnlyList<string> Told => [.. _refusals.Select(r => $"{r.Key}: {r.Value.Status.Detail}")];

    public void Add(string node, RpcException refusal)
    {
        _refusals[node] = refusal;
        _nodes.Add(new NodeName(node));
    }

    /// <summary>The host has no such pool.</summary>
    public bool Unknown(string node) => _refusals.TryGetValue(node, out var refusal) && refusal.StatusCode == StatusCode.NotFound;

    public ChooseHost Choice(bool warm) => new(warm, Pool, _affinity, _nodes.ToHashSet(), here);
}
