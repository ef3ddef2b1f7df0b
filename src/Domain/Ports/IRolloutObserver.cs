namespace VmCacheCluster.Domain.Ports;

/// <summary>Keeps in mind how changes of pools went.</summary>
public interface IRolloutObserver
{
    /// <summary>A pool makes other VMs now and all are so, or it has gone back to those before.</summary>
    /// <param name="revision">That was wanted.</param>
    /// <param name="undone">Why the pool went back; null: it did not.</param>
    void Ended(PoolName pool, string revision, string? undone);
}
