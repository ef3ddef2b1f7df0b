namespace VmCacheCluster.Domain.Ports;

/// <summary>What the cluster's actors need of the host they run on.</summary>
public interface IClusterHost
{
    /// <summary>What was remembered last; null: this host never was in a cluster.</summary>
    Task<ClusterMemory?> RecallAsync(CancellationToken cancel);

    Task RememberAsync(ClusterMemory memory, CancellationToken cancel);

    /// <summary>The addresses that seeds stand for now, and what is wrong with those that stand for none.</summary>
    Task<SeedsResolved> ResolveAsync(IReadOnlyList<Seed> seeds, CancellationToken cancel);

    /// <summary>Why a node's certificate is not trusted, or there is no TLS with it at all. Null: nothing is wrong, or it is not reached.</summary>
    Task<string?> WhyDistrustedAsync(NodeAddress at, CancellationToken cancel);

    /// <summary>Why a node does not answer, for a person: it is not reached, or the two do not trust each other.</summary>
    Task<Silence> WhySilentAsync(NodeAddress at, CancellationToken cancel);
}

/// <summary>Why a node does not answer, for a person.</summary>
/// <param name="Listens">It is reached, and the two trust each other: it hears us, or its answers do not come here.</param>
public sealed record Silence(string Reason, bool Listens = false);

public sealed record SeedsResolved(IReadOnlyList<NodeAddress> Addresses, IReadOnlyList<string> Problems);
