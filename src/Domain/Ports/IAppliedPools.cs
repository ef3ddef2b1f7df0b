namespace VmCacheCluster.Domain.Ports;

/// <summary>The pools that were applied, as this host knows them.</summary>
public interface IAppliedPools
{
    /// <summary><see cref="PoolDefinition.Digest"/> of them.</summary>
    ulong Digest { get; }

    /// <summary>Takes over what another host knows and this one does not.</summary>
    /// <param name="peer">Where that host serves the other nodes.</param>
    /// <exception cref="IOException">It could not be asked.</exception>
    Task PullAsync(NodeAddress peer, CancellationToken cancel);
}
