using Akka.Actor;
using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// A call's way to a base VM. Whether the caller got the answer cannot be known; that the call ended before it was
/// answered can, and then the VM goes back.
/// </summary>
public sealed class BaseVmAcquirer(IRequiredActor<GatewayActor> gateway, NodeOptions options, TimeProvider time)
{
    /// <summary>The actors answer by the deadline themselves; this only covers that they are gone.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);

    /// <summary>The call and its answer have to travel, on a busy host too: a refusal comes before the caller stops to listen.</summary>
    private static readonly TimeSpan MostMargin = TimeSpan.FromMilliseconds(500);

    /// <param name="deadline">The caller's; DateTime.MaxValue when it has none: then it waits for one boot of the pool.</param>
    /// <param name="aborted">Fires when the caller leaves.</param>
    public async Task<BaseVmGranted> AcquireAsync(PoolName pool, HandOutPath path, DateTime deadline, CancellationToken aborted)
    {
        var request = Guid.NewGuid();
        var wait = WaitFor(pool, deadline);
        IAcquireAnswer answer;
        try
        {
            answer = await gateway.ActorRef.Ask<IAcquireAnswer>(new AcquireBaseVm(request, pool, path, wait), wait + Slack, aborted);
        }
        catch (Exception e) when (e is OperationCanceledException or AskTimeoutException)
        {
            gateway.ActorRef.Tell(new BaseVmAbandoned(request));
            throw e is OperationCanceledException ? GrpcErrors.Cancelled() : GrpcErrors.NotAnswered("a base VM");
        }

        if (answer is AcquireRefused refused) throw GrpcErrors.From(refused, pool.Value);
        if (aborted.IsCancellationRequested)
        {
            gateway.ActorRef.Tell(new BaseVmAbandoned(request));
            throw GrpcErrors.Cancelled();
        }

        gateway.ActorRef.Tell(new BaseVmAnswered(request));
        return (BaseVmGranted)answer;
    }

    private TimeSpan WaitFor(PoolName pool, DateTime deadline)
    {
        if (deadline == DateTime.MaxValue)
        {
            return options.Pools.FirstOrDefault(p => p.Name == pool)?.BootTimeout ?? TimeSpan.FromSeconds(60);
        }

        var left = deadline - time.GetUtcNow().UtcDateTime;
        var margin = left / 10 < MostMargin ? left / 10 : MostMargin;
        return left - margin > TimeSpan.Zero ? left - margin : TimeSpan.FromMilliseconds(1);
    }
}
