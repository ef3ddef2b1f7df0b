using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>When a pool's warm VMs reach max-age. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolAges(PoolSettings settings, Func<ITimerScheduler> timers)
{
    public void Watch(Member member)
    {
        if (settings.Options.MaxAge is not { } age || member.MaxAgeRuns) return;
        member.MaxAgeRuns = true;
        var left = age - member.WarmBefore;
        timers().StartSingleTimer((nameof(TooOld), member.Id), new TooOld(member.Id), left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1));
    }

    public void Forget(Member member)
    {
        if (member.MaxAgeRuns) timers().Cancel((nameof(TooOld), member.Id));
    }
}

internal sealed record TooOld(VmId Id);
