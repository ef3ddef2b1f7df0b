using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Has a VM that has been warm for max-age called too old.</summary>
internal static class MemberAge
{
    public static void Watch(Member member, TimeSpan? most, ITimerScheduler timers)
    {
        if (most is not { } age || member.MaxAgeRuns) return;
        member.MaxAgeRuns = true;
        var left = age - member.WarmBefore;
        timers.StartSingleTimer((nameof(TooOld), member.Id), new TooOld(member.Id), left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1));
    }

    public static void Forget(Member member, ITimerScheduler timers)
    {
        if (member.MaxAgeRuns) timers.Cancel((nameof(TooOld), member.Id));
    }
}

internal sealed record TooOld(VmId Id);
