using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Templates.Wire;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>The templates of another node.</summary>
/// <param name="channel">To its peer port.</param>
public sealed class NodeTemplates(string node, GrpcChannel channel) : ITemplatePeer
{
    private readonly TemplatePeer.TemplatePeerClient _client = new(channel);

    public string Node => node;

    public async Task<TemplateOffer> DescribeAsync(TemplateDigest digest, CancellationToken cancel)
    {
        try
        {
            var description = await _client.DescribeAsync(new DescribeTemplate { Digest = digest.Value }, cancellationToken: cancel);
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
        using var call = _client.Read(new ReadTemplate { Digest = digest.Value, Version = TemplateMapping.Write(offer), From = from }, cancellationToken: cancel);
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
