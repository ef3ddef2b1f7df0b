using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>Keeps what it was told.</summary>
public sealed class FakeRollouts : IRolloutObserver
{
    public ConcurrentQueue<(PoolName Pool, string Revision, string? Undone)> Ends { get; } = new();

    public void Ended(PoolName pool, string revision, string? undone) => Ends.Enqueue((pool, revision, undone));
}
