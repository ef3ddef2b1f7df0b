using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>What the end of one of its VMs means to a pool, and is told of it. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolEndings(
    PoolName pool, Refill refill, PoolTemplate template, PoolRollout rollout, PoolReleases releases, EventLog events,
    Func<ITimerScheduler> timers, PoolSurroundings around, ILoggingAdapter log)
{
    /// <summary>How many VMs do not answer.</summary>
    public int Unresponsive { get; private set; }

    public void Doubted(Member member)
    {
        Unresponsive++;
        events.Add(member.Id, $"does not answer, and is handed to nobody until it does: {member.Life.Doubt!.Message}");
    }

    /// <summary>It answers again, or ends.</summary>
    public void DoubtOver() => Unresponsive--;

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

    /// <summary>Tells of an end that cannot be completed: once, and again when something else is in the way.</summary>
    public void Hindered(Member member, VmLife before)
    {
        var (id, was, now) = (member.Id, before.Ending?.Obstacle, member.Life.Ending?.Obstacle);
        if (now is not null && now != was)
        {
            releases.Hindered(id, now);
            events.Add(id, $"its end cannot be completed and is tried again: {now}");
            log.Warning("pool {0}: the end of VM {1} cannot be completed and is tried again: {2}", pool, id, now);
        }
        else if (was is not null && member.Life.Phase == VmPhase.Gone)
        {
            events.Add(id, "its end is complete now");
            log.Info("pool {0}: the end of VM {1} is complete now", pool, id);
        }
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
