using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Services;
using VmCacheCluster.Gateway.Templates.Wire;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>Gives this host's templates to the other nodes, and to nobody else.</summary>
[BindServiceMethod(typeof(CheckedBinding), nameof(CheckedBinding.BindService))]
public sealed class TemplatePeerService(ITemplateLender lender, SendBudget budget, ClusterEdge cluster) : TemplatePeer.TemplatePeerBase
{
    public override Task<TemplateDescription> Describe(DescribeTemplate request, ServerCallContext context)
    {
        var digest = Digest(request.Digest, context);
        return Task.FromResult(TemplateMapping.Write(lender.Offer(digest) ?? throw GrpcErrors.NoTemplate(digest)));
    }

    public override async Task Read(ReadTemplate request, IServerStreamWriter<TemplateChunk> stream, ServerCallContext context)
    {
        var digest = Digest(request.Digest, context);
        using var sending = budget.TryBegin() ?? throw GrpcErrors.TemplatesBusy(SendBudget.MostAtOnce);
        if (TemplateMapping.Read(request.Version ?? new TemplateDescription()) is not { } version || request.From < 0 || request.From > version.Length
            || lender.Read(digest, version, request.From) is not { } pieces)
        {
            throw GrpcErrors.NoTemplate(digest);
        }

        var codec = new ChunkCodec();
        foreach (var piece in pieces)
        {
            var chunk = codec.Pack(piece);
            await budget.SpendAsync(chunk.CalculateSize(), context.CancellationToken);
            await stream.WriteAsync(chunk, context.CancellationToken);
        }
    }

    private TemplateDigest Digest(string text, ServerCallContext context)
    {
        if (!cluster.IsHop(context)) throw GrpcErrors.ForNodesAlone();
        return new TemplateDigest(text);
    }
}
