using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>Carries what became of changes from the host's actors to the directory of pools.</summary>
public sealed class RolloutEnds : IRolloutObserver
{
    private readonly Channel<RolloutEnd> _ends = Channel.CreateUnbounded<RolloutEnd>(new UnboundedChannelOptions { SingleReader = true });

    public ChannelReader<RolloutEnd> Reader => _ends.Reader;

    public void Ended(PoolName pool, string revision, string? undone) => _ends.Writer.TryWrite(new RolloutEnd(pool, revision, undone));
}

/// <param name="Undone">Why the pool went back; null: it did not.</param>
public sealed record RolloutEnd(PoolName Pool, string Revision, string? Undone);
