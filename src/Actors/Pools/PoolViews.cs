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
        accelerator?.Accelerator, accelerator?.Reason ?? "not resolved yet",
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
        m.Lease, m.ExpiresAt, m.Size) { MadeBy = m.MadeBy, HeldAt = m.HeldAt };

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
        // The pool waits for what keeps it from making VMs; else for those that do not answer.
        if (reason.Length == 0 || making > 0 || refill is not { LastFailure: null, Withheld: null }) return Also(reason);
        return !source.MayMake ? Also(source.Obstacle) : Silent() is { Length: > 0 } silent ? silent : reason;

        string Also(string first) => string.Join("; ", new[] { first, Silent() }.Where(r => r.Length > 0));
    }

    /// <summary>Empty: all answer.</summary>
    private string Silent()
    {
        var silent = members.Values.Where(m => m.Life.Phase == VmPhase.Unresponsive).ToList();
        return silent.Count == 0 ? "" : $"{silent.Count} {(silent.Count == 1 ? "does" : "do")} not answer: VM {silent[0].Id}: {silent[0].Life.Doubt!.Message}";
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
