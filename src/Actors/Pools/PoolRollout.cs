using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// A pool's way from one configuration to the next: VMs of the old shape serve until new ones are warm, and if new ones cannot be made
/// the pool goes back by itself. Part of the pool's actor, and used by it alone.
/// </summary>
internal sealed class PoolRollout(PoolSettings settings, PoolGate gate, Refill refill, EventLog events, IActorRef pool, IActorRef node, Func<ITimerScheduler> timers, ILoggingAdapter log)
{
    private Rollout? Running
    {
        get => settings.Rollout;
        set => settings.Rollout = value;
    }

    public RollingLimits? Limits => Running is null ? null
        : new RollingLimits(settings.Options.Rollout.SurgeOf(settings.Options.VmCacheNumber), settings.Options.Rollout.FloorOf(settings.Options.VmCacheNumber));

    /// <returns>Other VMs are made from now on.</returns>
    public bool Change(PoolOptions next)
    {
        var now = settings.Options;
        Running = Rollout.Next(Running, now, next);
        settings.Change(next);
        if (next.Spec == now.Spec)
        {
            if (next.VmCacheNumber != now.VmCacheNumber) events.Add(null, $"vm-cache-number is {next.VmCacheNumber} instead of {now.VmCacheNumber}");
            return false;
        }

        settings.Undone = null;
        refill.Forget();
        events.Add(null, $"its VMs are to be of revision {SpecRevision.Of(next.Spec)} instead of {SpecRevision.Of(now.Spec)}");
        Watch();
        return true;
    }

    /// <summary>What its guests run under is known, or known better.</summary>
    public void Accelerated(AcceleratorVerdict verdict)
    {
        var before = settings.Accelerator;
        settings.Accelerator = verdict;
        if (before is null || before.Accelerator == verdict.Accelerator) return;
        refill.Forget();
        events.Add(null, verdict.Reason);
    }

    /// <summary>The pool's actor goes on with what was begun before its restart.</summary>
    public void Resume()
    {
        if (Running is not null) Watch();
    }

    /// <summary>One of its VMs has become warm.</summary>
    public void Made(Member member)
    {
        if (Running is null || !settings.IsCurrent(member)) return;
        Running = Running.Succeeded();
        Watch();
    }

    public void Failed(Member member, VmFailure failure)
    {
        if (Running is null || member.Spec != settings.Spec || failure.Kind == VmFailureKind.Cancelled) return;
        Running = Running.Failed();
        if (Running.HasFailed) pool.Tell(new UndoRollout(SpecRevision.Of(settings.Options.Spec), $"{Rollout.MostFailures} VMs of it in a row could not be made, the last because: {failure}"));
    }

    /// <summary>The template of the new VMs cannot be made, and they are to be cloned.</summary>
    public void TemplateFailed(VmFailure failure)
    {
        if (Running is not null && settings.Options.Refill == RefillChoice.Clone)
            pool.Tell(new UndoRollout(SpecRevision.Of(settings.Options.Spec), $"its template could not be made: {failure}"));
    }

    /// <summary>Nothing is expected of a pool that makes no VMs.</summary>
    public void Overdue()
    {
        if (Running is null) return;
        if (gate.Closed is not null || gate.Cordoned is not null) Watch();
        else pool.Tell(new UndoRollout(
            SpecRevision.Of(settings.Options.Spec), $"no VM of it became warm for {settings.Options.Rollout.Deadline.TotalSeconds:0} s{(refill.Withheld is { } why ? $" ({why})" : "")}"));
    }

    /// <returns>It went back: the VMs of before are made again.</returns>
    public bool Undo(UndoRollout undo)
    {
        if (Running is null || undo.Revision != SpecRevision.Of(settings.Options.Spec)) return false;
        settings.Change(Running.From);
        settings.Undone = $"revision {undo.Revision} was undone: {undo.Reason}";
        refill.Forget();
        End(settings.Undone, new RolloutEnded(settings.Name, undo.Revision, undo.Reason));
        log.Warning("pool {0}: {1}; it makes revision {2} again", settings.Name, settings.Undone, SpecRevision.Of(settings.Options.Spec));
        return true;
    }

    /// <param name="outdated">Warm VMs of the shape before.</param>
    public void FinishIfOver(int outdated)
    {
        if (Running is null || !Running.IsOver(settings.Options.VmCacheNumber, outdated)) return;
        var revision = SpecRevision.Of(settings.Options.Spec);
        End($"all its warm VMs are of revision {revision}", new RolloutEnded(settings.Name, revision, null));
    }

    private void End(string what, RolloutEnded ended)
    {
        Running = null;
        node.Tell(ended, pool);
        timers().Cancel(nameof(RolloutOverdue));
        events.Add(null, what);
    }

    private void Watch()
    {
        if (Running is null) timers().Cancel(nameof(RolloutOverdue));
        else timers().StartSingleTimer(nameof(RolloutOverdue), RolloutOverdue.Instance, settings.Options.Rollout.Deadline);
    }
}

/// <summary>No new VM has become warm for too long.</summary>
internal sealed record RolloutOverdue { public static readonly RolloutOverdue Instance = new(); }

/// <param name="Revision">That cannot be made.</param>
internal sealed record UndoRollout(string Revision, string Reason);
