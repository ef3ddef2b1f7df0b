using Akka.Actor;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>Asks a VM of the pool whether it is fit for a holder: again and again, and before it is handed out when its last answer does not
/// do. One question at a time. Part of the VM's actor.</summary>
internal sealed class VmFitnessCheck(VmState state, VmHandOut handOut, IVmWork work, Func<ITimerScheduler> timers)
{
    private bool _asking;
    private bool _due;

    /// <summary>The VM may have come into the pool, or have left a question unanswered: then it is asked again soon.</summary>
    public void Watch()
    {
        if (state.Life.Pooled) AskIn(state.Life.Phase == VmPhase.Unresponsive ? FitnessRules.Limit : FitnessRules.FirstAfter(state.Plan.Id));
        // Others wait for their turn to be ended.
        if (!state.Life.Ended || state.Life.Phase == VmPhase.Gone) LetOthersEnd();
    }

    public void Due()
    {
        _due = false;
        if (state.Life.Pooled) Ask();
    }

    /// <summary>Asks when its last answer is not enough for a hand-out. False: it is.</summary>
    public bool Prove(HandOutPath path)
    {
        if (!FitnessRules.AskBefore(path, state.Ports.Time.GetElapsedTime(state.AnsweredAt))) return false;
        Ask();
        return true;
    }

    public void Known(FitnessKnown known)
    {
        _asking = false;
        var (failure, silent) = known.Fitness;
        if (failure is null) state.AnsweredAt = state.Ports.Time.GetTimestamp();
        // One that is handed out by an earlier answer does not wait for this one.
        if (state.Life.Phase != VmPhase.Reserved || handOut.Proving) Tell(failure, silent);
        if (state.Life.Phase == VmPhase.Warm) AskIn(FitnessRules.Interval);
    }

    /// <summary>It is gone, or cannot be ended.</summary>
    public void LetOthersEnd() => state.Ports.SilentEnds.Release(state.Plan.Id);

    private void Tell(VmFailure? failure, bool silent)
    {
        if (failure is null && state.Life.Phase == VmPhase.Unresponsive) work.Apply(new VmInput.Answers());
        else if (failure is null) handOut.Proved();
        else if (!silent) work.Apply(new VmInput.Unfit(failure));
        else work.Apply(new VmInput.Silent(failure, state.Life.Phase == VmPhase.Unresponsive && state.Ports.SilentEnds.TryTake(state.Plan.Id)));
        // Not its turn: it is asked on.
        if (state.Life.Phase == VmPhase.Unresponsive) AskIn(FitnessRules.Limit);
    }

    private void Ask()
    {
        // What is asked already is the question.
        if (_asking) return;
        _asking = true;
        var limit = state.Life.Phase == VmPhase.Unresponsive ? FitnessRules.Patience : FitnessRules.Limit;
        state.Vm!.CheckFitAsync(limit, work.Whole).PipeTo(work.Self,
            success: fitness => new FitnessKnown(fitness),
            failure: e => new FitnessKnown(VmFitness.NoAnswer(Failures.From(e, limit))));
    }

    private void AskIn(TimeSpan time)
    {
        // One in doubt is asked sooner than it was to be: the timer is replaced.
        if (_asking || (_due && state.Life.Phase != VmPhase.Unresponsive)) return;
        _due = true;
        timers().StartSingleTimer(nameof(FitnessDue), FitnessDue.Instance, time);
    }
}

internal sealed record FitnessKnown(VmFitness Fitness);

internal sealed record FitnessDue { public static readonly FitnessDue Instance = new(); }
