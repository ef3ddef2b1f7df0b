namespace VmCacheCluster.Domain.Ports;

/// <summary>The pools that were applied, as this host knows them.</summary>
public interface IAppliedPools
{
    /// <summary><see cref="PoolDefinition.Digest"/> of them.</summary>
    ulong Digest { get; }

    /// <summary>How many VMs of these pools all hosts keep warm together.</summary>
    IReadOnlyDictionary<PoolName, int> Totals { get; }

    /// <summary>So many of them are this host's from now on; pools that are not named or not known keep theirs.</summary>
    Task ShareAsync(IReadOnlyDictionary<PoolName, int> shares, CancellationToken cancel);

    /// <summary>Takes over what another host knows and this one does not.</summary>
    /// <param name="peer">Where that host serves the other nodes.</param>
    /// <exception cref="IOException">It could not be asked.</exception>
    Task PullAsync(NodeAddress peer, CancellationToken cancel);
}
