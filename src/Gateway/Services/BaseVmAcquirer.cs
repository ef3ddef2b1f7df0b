using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Pools;

namespace VmCacheCluster.Gateway.Services;

/// <summary>
/// A call's way to a base VM. Whether the caller got the answer cannot be known; that the call ended before it was
/// answered can, and then the VM goes back.
/// </summary>
public sealed class BaseVmAcquirer(IRequiredActor<GatewayActor> gateway, HostPools pools, TimeProvider time)
{
    /// <summary>The actors answer by the deadline themselves; this only covers that they are gone.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);

    /// <summary>The runtime's timers take no more than 49 days; a caller may name any deadline.</summary>
    private static readonly TimeSpan MostWait = TimeSpan.FromDays(1);

    /// <summary>The call and its answer have to travel, on a busy host too: a refusal comes before the caller stops to listen.</summary>
    private static readonly TimeSpan MostMargin = TimeSpan.FromSeconds(1);

    /// <summary>The doors of pools that have served. The gateway is the way to the others.</summary>
    private readonly ConcurrentDictionary<PoolName, PoolDoor> _doors = new();

    /// <param name="deadline">The caller's; DateTime.MaxValue when it has none: then it waits for one boot of the pool.</param>
    /// <param name="aborted">Fires when the caller leaves.</param>
    /// <param name="wish">What a caller of vmcache.v1 asks for; null for Kata's.</param>
    public async Task<BaseVmGranted> AcquireAsync(
        PoolName pool, HandOutPath path, DateTime deadline, CancellationToken aborted, LeaseWish? wish = null)
    {
        if (IsOver(deadline)) throw GrpcErrors.Overdue();
        var ticket = new AcquireTicket(inline: true);
        var wait = WaitFor(pool, deadline);
        var caller = new AcquireBaseVm(ticket, pool, path, wait, wish);
        // A wish is for the pool's actor to judge before a VM is taken for it.
        PoolDoor? door = null;
        if (wish is null && _doors.TryGetValue(pool, out door)) door.Ask(caller);
        else gateway.ActorRef.Tell(caller);
        var answer = await AnswerAsync(ticket, pool, wait, aborted);
        if (answer is AcquireRefused refused) throw GrpcErrors.From(refused, pool.Value);

        var granted = (BaseVmGranted)answer;
        if (wish is null && !ReferenceEquals(door, granted.Door)) _doors[pool] = granted.Door;
        var over = IsOver(deadline);
        if (over || aborted.IsCancellationRequested)
        {
            granted.Vm.Tell(new ReturnVm(granted.Facts.Id));
            throw over ? GrpcErrors.Overdue() : GrpcErrors.Cancelled();
        }

        return granted;
    }

    /// <summary>A caller that leaves abandons its ticket; an answer that was first is still the answer.</summary>
    private async Task<IAcquireAnswer> AnswerAsync(AcquireTicket ticket, PoolName pool, TimeSpan wait, CancellationToken aborted)
    {
        try
        {
            return await ticket.Answer.WaitAsync(wait + Slack, time, aborted);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            if (!ticket.TryAbandon()) return await ticket.Answer;
            if (e is TimeoutException) _doors.TryRemove(pool, out _);
            gateway.ActorRef.Tell(new AcquireAbandoned(ticket, pool));
            throw e is TimeoutException ? GrpcErrors.NotAnswered("a base VM") : GrpcErrors.Cancelled();
        }
    }

    /// <summary>What is left of a call's time, as far as a timer takes it; negative: it is over.</summary>
    internal static TimeSpan Left(DateTime deadline, TimeProvider time)
    {
        var left = deadline - time.GetUtcNow().UtcDateTime;
        return left < MostWait ? left : MostWait;
    }

    private bool IsOver(DateTime deadline) => deadline != DateTime.MaxValue && deadline <= time.GetUtcNow().UtcDateTime;

    private TimeSpan WaitFor(PoolName pool, DateTime deadline)
    {
        if (deadline == DateTime.MaxValue)
        {
            return pools.Find(pool)?.BootTimeout ?? TimeSpan.FromSeconds(60);
        }

        var left = Left(deadline, time);
        var margin = left / 10 < MostMargin ? left / 10 : MostMargin;
        return left - margin > TimeSpan.Zero ? left - margin : TimeSpan.FromMilliseconds(1);
    }
}
