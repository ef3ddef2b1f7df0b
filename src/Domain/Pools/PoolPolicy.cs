namespace VmCacheCluster.Domain;

/// <summary>What the policy decides on.</summary>
/// <param name="Target">vm-cache-number.</param>
/// <param name="Waiting">Callers in the queue.</param>
/// <param name="Failures">Boots that failed in a row.</param>
/// <param name="BackingOff">The pool waits before it tries again.</param>
/// <param name="Cordoned">It keeps no more warm than it has: VMs are only made for callers.</param>
/// <param name="Rolling">It goes over to VMs of another shape; null: it does not.</param>
/// <param name="Unresponsive">VMs that did not answer, and are asked again: they count as warm to come, and never for a caller.</param>
public readonly record struct PoolCount(
    int Target, int Waiting, int Failures, bool BackingOff, int Making, int Fresh, int Outdated, bool Cordoned = false, RollingLimits? Rolling = null,
    int Unresponsive = 0);

/// <param name="Surge">How many VMs there may be above what is wanted.</param>
/// <param name="Floor">How many stay warm.</param>
public readonly record struct RollingLimits(int Surge, int Floor);

/// <param name="Start">How many more boots to ask for.</param>
/// <param name="Retire">How many warm VMs to give up.</param>
public readonly record struct RefillPlan(int Start, int Retire);

/// <summary>How a pool keeps its count: refill at once, replace before retiring, try carefully while boots fail.</summary>
public static class PoolPolicy
{
    public static RefillPlan Plan(PoolCount count)
    {
        var wanted = (count.Cordoned ? Math.Min(count.Target, count.Fresh) : count.Target) + count.Waiting;
        var missing = wanted - count.Fresh - count.Making - Math.Min(count.Unresponsive, Math.Max(0, wanted - count.Waiting - count.Fresh));
        // One try at a time while boots fail: a broken pool must not fill the host's boot slots.
        var allowed = count.BackingOff ? 0 : count.Failures > 0 ? Math.Max(0, 1 - count.Making) : int.MaxValue;
        // An outdated VM serves until its successor is warm.
        var surplus = count.Cordoned ? 0 : count.Fresh + count.Outdated - wanted;
        if (count is not { Rolling: { } limits, Outdated: > 0, Cordoned: false }) return new RefillPlan(Math.Min(Math.Max(0, missing), allowed), Math.Max(0, surplus));

        var room = Math.Max(0, wanted + limits.Surge - count.Fresh - count.Outdated - count.Making);
        // Where there is no room for new ones beside the old ones, some of these go before.
        var ahead = missing > 0 && room == 0 && allowed > 0 ? Math.Min(count.Outdated, count.Fresh + count.Outdated - limits.Floor) : 0;
        return new RefillPlan(Math.Min(Math.Min(Math.Max(0, missing), room), allowed), Math.Max(Math.Max(0, surplus), ahead));
    }
}
