using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>The nodes that give templates, over connections of their own: nobody's acquire waits behind a chunk.</summary>
public sealed class TemplatePeers(ClusterEdge cluster, NetworkTrust trust, TimeProvider time) : ITemplatePeers, IDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    private readonly PeerChannels _channels = new(trust);

    public async Task<IReadOnlyList<ITemplatePeer>> FindAsync(TemplateDigest digest, CancellationToken cancel)
    {
        var (wait, from) = (cluster.Options?.Templates?.Wait ?? TimeSpan.Zero, time.GetTimestamp());
        while (true)
        {
            var found = await cluster.FindTemplateAsync(digest, cancel);
            if (found.Hosts.Count > 0 || !found.MoreToCome || time.GetElapsedTime(from) >= wait)
                return [.. found.Hosts.Select(h => new NodeTemplates(h.Node.Value, _channels.To(h.Peer)))];
            await Task.Delay(LookAgain, time, cancel);
        }
    }

    public void Dispose() => _channels.Dispose();
}
