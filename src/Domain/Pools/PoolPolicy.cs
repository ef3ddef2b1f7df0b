namespace VmCacheCluster.Domain;

/// <summary>A VM as its pool sees it.</summary>
/// <param name="Current">False: warm but outdated (older than max-age, or made with another accelerator than the pool's).</param>
/// <param name="WarmSince">When it became warm, by the pool's monotonic clock; null before that.</param>
public sealed record PoolMember(VmId Id, VmPhase Phase, bool Current, TimeSpan? WarmSince);

/// <summary>What the policy decides on.</summary>
/// <param name="Target">vm-cache-number.</param>
/// <param name="Waiting">Callers in the queue.</param>
/// <param name="Starting">Boot slots asked for and not yet granted.</param>
/// <param name="Failures">Boots that failed in a row.</param>
/// <param name="BackingOff">The pool waits before it tries again.</param>
public sealed record PoolCount(
    int Target, int Waiting, int Starting, int Failures, bool BackingOff, IReadOnlyCollection<PoolMember> Members);

/// <param name="Start">How many more boots to ask for.</param>
/// <param name="Retire">Warm VMs to end now.</param>
public sealed record RefillPlan(int Start, IReadOnlyList<VmId> Retire);

/// <summary>How a pool keeps its count: refill at once, replace before retiring, try carefully while boots fail.</summary>
public static class PoolPolicy
{
    public static bool IsMaking(VmPhase phase)
        => phase is VmPhase.Creating or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing;

    public static RefillPlan Plan(PoolCount view)
    {
        int making = 0, fresh = 0, outdated = 0;
        foreach (var member in view.Members)
        {
            if (IsMaking(member.Phase)) making++;
            else if (member.Phase != VmPhase.Warm) continue;
            else if (member.Current) fresh++;
            else outdated++;
        }

        var wanted = view.Target + view.Waiting;
        var missing = wanted - fresh - making - view.Starting;
        // One try at a time while boots fail: a broken pool must not fill the host's boot slots.
        var allowed = view.BackingOff ? 0 : view.Failures > 0 ? Math.Max(0, 1 - making - view.Starting) : int.MaxValue;
        var start = Math.Min(Math.Max(0, missing), allowed);

        // An outdated VM serves until its successor is warm.
        var surplus = fresh + outdated - wanted;
        return new RefillPlan(start, surplus > 0 ? Oldest(view.Members, surplus) : []);
    }

    /// <summary>The VM to hand out next: the longest warm current one, else an outdated one. Null when none is warm.</summary>
    public static VmId? Pick(IReadOnlyCollection<PoolMember> members)
    {
        PoolMember? best = null;
        foreach (var member in members)
        {
            if (member.Phase == VmPhase.Warm && (best is null || Before(member, best))) best = member;
        }

        return best?.Id;

        static bool Before(PoolMember a, PoolMember b)
            => a.Current == b.Current ? a.WarmSince < b.WarmSince : a.Current;
    }

    private static List<VmId> Oldest(IEnumerable<PoolMember> members, int count)
        => members.Where(m => m.Phase == VmPhase.Warm)
            .OrderBy(m => m.Current).ThenBy(m => m.WarmSince)
            .Take(count).Select(m => m.Id).ToList();
}
