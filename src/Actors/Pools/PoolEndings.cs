using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What the end of one of its VMs means to a pool, and is told of it. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolEndings(
    PoolName pool, Refill refill, PoolTemplate template, PoolRollout rollout, EventLog events, Func<ITimerScheduler> timers, PoolSurroundings around, ILoggingAdapter log)
{
    public void Begun(Member member)
    {
        var (id, ending) = (member.Id, member.Life.Ending!);
        // One that was made by an earlier daemon says nothing about how this pool's boots go.
        if (ending.Failure is { } failure && ending.During != VmPhase.Adopting && new VmLife(ending.During).Making)
        {
            NotMade(member, ending.During, failure);
            return;
        }

        events.Add(id, $"was {ending.During.ToString().ToLowerInvariant()}, ended: {ending.Reason}");
        log.Info("pool {0}: VM {1} was {2}, ended: {3}", pool, id, ending.During, ending.Reason);
    }

    private void NotMade(Member member, VmPhase during, VmFailure failure)
    {
        var id = member.Id;
        if (during is VmPhase.Loading or VmPhase.Priming) template.CloneFailed(failure);
        rollout.Failed(member, failure);
        var news = refill.LastFailure != failure;
        var delay = refill.Failed(failure, around.Ports.Time.GetUtcNow(), around.Random());
        timers().StartSingleTimer(nameof(TryAgain), TryAgain.Instance, delay);
        events.Add(id, $"could not be made: {failure}");
        if (news) log.Warning("pool {0}: VM {1} could not be made: {2}", pool, id, failure);
    }
}

/// <summary>The pause after a boot that failed is over.</summary>
internal sealed record TryAgain { public static readonly TryAgain Instance = new(); }

/// <summary>A VM has been there for as long as the pool keeps one.</summary>
internal sealed record TooOld(VmId Id);
