using System.Threading.Channels;
using Akka.Actor;
using Akka.Hosting;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Pools;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Watch: one caller's stream of events. It ends itself when the daemon stops, or it would hold up the stop.</summary>
public sealed class EventStream(IRequiredActor<GatewayActor> gateway, HostPools pools, IHostApplicationLifetime lifetime)
{
    /// <summary>A snapshot of a host's VMs, and some minutes of their lives, fit.</summary>
    internal const int Capacity = 8192;

    public async Task WatchAsync(WatchRequest request, IServerStreamWriter<WatchEvent> to, ServerCallContext context)
    {
        var pool = VmQueries.KnownPool(request.Pool, pools);
        var aborted = context.GetHttpContext().RequestAborted;
        using var output = new CallOutput<WatchEvent>(to);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
        var events = Channel.CreateBounded<NodeEvent>(new BoundedChannelOptions(Capacity) { SingleReader = true });
        gateway.ActorRef.Tell(new WatchEvents(pool, request.Epoch, request.AfterSequence, events.Writer), ActorRefs.NoSender);
        try
        {
            // At once, so that the caller knows that it watches also where nothing happens.
            await context.WriteResponseHeadersAsync([]);
            await foreach (var happened in events.Reader.ReadAllAsync(ending.Token)) await output.WriteAsync(ToEvent(happened), ending.Token);
        }
        catch (Exception) when (aborted.IsCancellationRequested)
        {
            throw GrpcErrors.Cancelled();
        }
        catch (Exception) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw GrpcErrors.Stopping();
        }
        catch (PoolsNotHeardException fault)
        {
            throw GrpcErrors.NotAnswered(fault.Message);
        }
        catch (Exception e) when (e is not RpcException && events.Reader.Completion.IsFaulted)
        {
            throw GrpcErrors.SlowWatcher();
        }
        finally
        {
            // Whoever still writes to it sees at once that nobody reads.
            events.Writer.TryComplete();
            gateway.ActorRef.Tell(new UnwatchEvents(events.Writer), ActorRefs.NoSender);
        }

        throw GrpcErrors.NotAnswered("the events ended; watch again from the last one seen");
    }

    private static WatchEvent ToEvent(NodeEvent happened)
    {
        var seen = new WatchEvent
        {
            Epoch = happened.Epoch,
            Sequence = happened.Sequence,
            At = Timestamp.FromDateTimeOffset(happened.At),
            Kind = happened.Kind switch
            {
                NodeEventKind.Reset => WatchEventKind.Reset,
                NodeEventKind.Snapshot => WatchEventKind.Snapshot,
                NodeEventKind.Changed => WatchEventKind.Changed,
                NodeEventKind.Gone => WatchEventKind.Gone,
                _ => WatchEventKind.Pool,
            },
            Pool = happened.Pool?.Value ?? happened.Vm?.Pool.Value ?? "",
            Reason = happened.Reason,
        };
        if (happened.Vm is { } vm) seen.Vm = V1Mapping.ToVm(vm);
        return seen;
    }
}
