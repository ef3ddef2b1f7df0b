using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A pool for people: its VMs, and why they are not what they should be. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolViews(
    PoolSettings settings, IReadOnlyDictionary<VmId, Member> members, CloneSource source, Refill refill, PoolGate gate, EventLog events, TimeProvider time)
{
    private (VmSpec? Spec, string Name) _revision;

    public PoolView Pool(int making, PoolCallers callers) => Pool(settings.Options, making, callers, settings.Accelerator);

    private PoolView Pool(PoolOptions options, int making, PoolCallers callers, AcceleratorVerdict? accelerator) => new(
        settings.Name, options.Endpoint, options.VmCacheNumber, Warm, making, members.Values.Count(m => m.Shown.Held), callers.Waiting,
        gate.GivenUp ?? (gate.Cordoned is { } cordoned && Warm < options.VmCacheNumber ? cordoned : WhyNotFull(options.VmCacheNumber, making)),
        accelerator?.Accelerator ?? Accelerator.Tcg, accelerator?.Reason ?? "not resolved yet",
        [.. members.Values.Select(Vm)], events.Snapshot())
    {
        Refill = source.Wanted && source.Template is not null ? MadeBy.Clone : MadeBy.Boot,
        RefillReason = source.Reason,
        RefillTime = refill.Took,
        Revision = RevisionOf(options.Spec),
        Rollout = Rollout(),
        Spec = options.Spec,
        Shared = options.Shared,
        Callers = callers.Came,
        Open = gate.Closed is null,
        Retired = gate.Retired is not null,
        Cordoned = gate.Cordoned is not null,
    };

    public VmView Vm(Member m) => new(m.Id, settings.Name, m.Shown, m.Spec, m.Facts, m.ConfirmBefore, settings.Options.GracePeriod,
        m.Lease, m.ExpiresAt, m.Size);

    /// <summary>Why no VM is to be had now.</summary>
    public string WhyEmpty(int making)
    {
        var reason = WhyNotFull(Math.Max(1, settings.Options.VmCacheNumber), making);
        return reason.Length == 0 ? "others were served first" : reason;
    }

    /// <summary>When it may be otherwise.</summary>
    public TimeSpan RetryAfter() => refill.NextTry is { } at && at > time.GetUtcNow() ? at - time.GetUtcNow() : TimeSpan.FromSeconds(1);

    private string WhyNotFull(int target, int making)
    {
        var reason = refill.Reason(target, Warm, making, time.GetUtcNow());
        return reason.Length > 0 && !source.MayMake && making == 0 && refill is { LastFailure: null, Withheld: null } ? source.Obstacle : reason;
    }

    private string Rollout()
    {
        if (settings.Rollout is not { } rollout) return settings.Undone ?? "";
        var warm = members.Values.Where(m => m.Shown.Phase == VmPhase.Warm).ToList();
        var failed = rollout.FailedInARow == 0 ? "" : $"; the last {rollout.FailedInARow} could not be made";
        return $"from revision {SpecRevision.Of(rollout.From.Spec)}: {warm.Count(settings.IsCurrent)} of {settings.Options.VmCacheNumber} are warm, {warm.Count(m => !settings.IsCurrent(m))} of the old ones are left{failed}";
    }

    private string RevisionOf(VmSpec spec)
    {
        if (!ReferenceEquals(_revision.Spec, spec)) _revision = (spec, SpecRevision.Of(spec));
        return _revision.Name;
    }

    private int Warm => members.Values.Count(m => m.Shown.Phase == VmPhase.Warm);
}
