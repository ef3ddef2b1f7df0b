using System.Runtime.CompilerServices;
using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Templates.Wire;

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
                return [.. found.Hosts.Select(h => new Peer(h.Node.Value, new TemplatePeer.TemplatePeerClient(_channels.To(h.Peer))))];
            await Task.Delay(LookAgain, time, cancel);
        }
    }

    public void Dispose() => _channels.Dispose();

    private sealed class Peer(string node, TemplatePeer.TemplatePeerClient client) : ITemplatePeer
    {
        public string Node => node;

        public async Task<TemplateOffer> DescribeAsync(TemplateDigest digest, CancellationToken cancel)
        {
            try
            {
                var description = await client.DescribeAsync(new DescribeTemplate { Digest = digest.Value }, cancellationToken: cancel);
                return TemplateMapping.Read(description) ?? throw new TemplatePeerException("what it says of it makes no sense");
            }
            catch (RpcException fault)
            {
                throw Told(fault, cancel);
            }
        }

        public async IAsyncEnumerable<TemplatePiece> ReadAsync(
            TemplateDigest digest, TemplateOffer offer, long from, [EnumeratorCancellation] CancellationToken cancel)
        {
            var codec = new ChunkCodec();
            using var call = client.Read(new ReadTemplate { Digest = digest.Value, Version = TemplateMapping.Write(offer), From = from }, cancellationToken: cancel);
            while (await NextAsync(call.ResponseStream, cancel)) yield return codec.Unpack(call.ResponseStream.Current);
        }

        private static async Task<bool> NextAsync(IAsyncStreamReader<TemplateChunk> stream, CancellationToken cancel)
        {
            try
            {
                return await stream.MoveNext(cancel);
            }
            catch (RpcException fault)
            {
                throw Told(fault, cancel);
            }
        }

        private static TemplatePeerException Told(RpcException fault, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            return new TemplatePeerException(fault.Status.Detail, fault);
        }
    }
}
