using Akka.Hosting;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What this host has at this moment, for a node that chose it in vain.</summary>
public sealed class HostReporter(IRequiredActor<GatewayActor> gateway, NodeOptions options, IHostMemory memory, ReportSequence sequence)
{
    /// <summary>Carries it beside a refusal.</summary>
    public const string Trailer = "vmcache-report-bin";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    /// <returns>Null: the host is too busy to say.</returns>
    public async Task<HostReport?> ReportAsync(ServerCallContext context)
        => await NowAsync(context) is { } now ? Reports.Write(now with { Sequence = sequence.Next() }) : null;

    /// <returns>Null: the host is too busy to say.</returns>
    public Task<HostCapacity?> HereAsync(ServerCallContext context) => NowAsync(context);

    /// <summary>A VM would sooner be made there than here.</summary>
    public async Task<bool> IsWorseAsync(HostCapacity there, PoolName pool, ServerCallContext context) => IsWorse(await NowAsync(context), there, pool);

    /// <param name="here">Null: it is not known what is there.</param>
    public static bool IsWorse(HostCapacity? here, HostCapacity there, PoolName pool)
        => here?.Of(pool) is not { } own || there.Of(pool) is not { } other || here.State != HostState.Up || PlacementRules.CompareToMake(there, other, here, own) > 0;

    /// <returns>Null: it came with none.</returns>
    public static HostCapacity? In(RpcException refusal)
    {
        if (refusal.Trailers.FirstOrDefault(t => t.Key == Trailer) is not { } trailer) return null;
        try
        {
            return Reports.Read(HostReport.Parser.ParseFrom(trailer.ValueBytes));
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private async Task<HostCapacity?> NowAsync(ServerCallContext context)
    {
        try
        {
            return HostCapacities.Of((NodeView)await Edge.AskAsync(gateway.ActorRef, GetNodeView.Instance, Timeout, "what this host has", context), ThisHost.Of(options), memory.Read(), static _ => 0);
        }
        catch (RpcException)
        {
            return null;
        }
    }
}
