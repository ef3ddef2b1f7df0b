namespace VmCacheCluster.Domain;

/// <summary>
/// The transition table of a VM's life: total and pure. An input that means nothing in a state is answered by "not
/// handled" and changes nothing; that is how late results and repeated commands are borne.
/// </summary>
public static class VmLifecycle
{
    /// <summary>The life of a VM while it is being taken over, by what its state file says.</summary>
    public static VmLife WhileTakenOver(VmMark mark) => mark.Ownership switch
    {
        VmOwnership.Warm => new VmLife(VmPhase.Adopting),
        VmOwnership.Reserved or VmOwnership.Preparing when mark.Path == HandOutPath.V1
            => new VmLife(VmPhase.Reserved, mark.Path, mark.Served, Interrupted: true),
        _ => new VmLife(VmPhase.Leased, mark.Path, mark.Served, Confirmed: mark.Ownership == VmOwnership.Confirmed),
    };

    /// <summary>
    /// The life of a VM that was taken over, by what its state file says; the effects finish what was begun.
    /// </summary>
    public static VmDecision Resume(VmMark mark, TakeOverVerdict verdict)
    {
        if (verdict.What == TakenOver.Spoilt) return Fail(new VmLife(VmPhase.Adopting), new VmFailure(VmFailureKind.GuestStopped, verdict.Reason));
        var leased = new VmLife(VmPhase.Leased, mark.Path, mark.Served);
        return (mark.Ownership, mark.Path) switch
        {
            (VmOwnership.Warm, _) => To(VmLife.New with { Phase = VmPhase.Warm }),
            // Nobody else can have it: the same caller may ask again, as long as the grace period lasts.
            (VmOwnership.Reserved or VmOwnership.Preparing, HandOutPath.V1)
                => To(leased with { Phase = VmPhase.Reserved, Interrupted = true }, VmEffect.StartGrace),
            (VmOwnership.Unconfirmed, HandOutPath.V1) => To(leased, VmEffect.StartGrace, VmEffect.StartLease),
            (VmOwnership.Confirmed, HandOutPath.V1) => To(leased with { Confirmed = true }, VmEffect.StartLease),
            (VmOwnership.Reserved or VmOwnership.Unconfirmed, _) => verdict.What == TakenOver.RanMeanwhile
                ? To(leased with { Confirmed = true }, VmEffect.RecordConfirmed)
                : To(leased, VmEffect.StartGrace),
            (VmOwnership.Confirmed, _) => To(leased with { Confirmed = true }),
            _ => End(leased, $"the daemon that held it as '{mark.Ownership}' is gone", VmEffect.Stop),
        };
    }

    public static VmDecision Decide(VmLife life, VmInput input) => input switch
    {
        VmInput.Created => life.Phase switch
        {
            VmPhase.Creating => To(life with { Phase = VmPhase.Booting }, VmEffect.WaitForAgent),
            VmPhase.Stopping => To(life, VmEffect.Stop),
            _ => Ignore(life),
        },
        VmInput.Loaded loaded => life.Phase switch
        {
            VmPhase.Loading when loaded.Prime => To(life with { Phase = VmPhase.Priming }, VmEffect.Prime),
            VmPhase.Loading => To(life with { Phase = VmPhase.Pausing }, VmEffect.Pause),
            VmPhase.Stopping => To(life, VmEffect.Stop),
            _ => Ignore(life),
        },
        VmInput.Primed => life.Phase is VmPhase.Priming ? To(life with { Phase = VmPhase.Pausing }, VmEffect.Pause) : Ignore(life),
        VmInput.AgentAnswered => life.Phase is VmPhase.Booting
            ? To(life with { Phase = VmPhase.Checking }, VmEffect.CheckAgent)
            : Ignore(life),
        VmInput.AgentChecked => life.Phase is VmPhase.Checking
            ? To(life with { Phase = VmPhase.Pausing }, VmEffect.Pause)
            : Ignore(life),
        VmInput.Paused => life.Phase is VmPhase.Pausing ? To(life with { Phase = VmPhase.Warm }) : Ignore(life),

        VmInput.Reserve reserve => life.Phase is VmPhase.Warm
            ? To(life with { Phase = VmPhase.Reserved, Path = reserve.Path, Served = reserve.Served }, VmEffect.Reserve)
            : new VmDecision(life, [VmEffect.AnswerRefused]),
        // Kata's caller is told at once; from then on the VM is its, and unconfirmed until it acts.
        VmInput.ReserveRecorded => life switch
        {
            { Interrupted: true } => Ignore(life),
            { Phase: VmPhase.Reserved, Path: HandOutPath.V1 } => To(life with { Phase = VmPhase.Preparing }, VmEffect.Prepare),
            { Phase: VmPhase.Reserved } => To(life with { Phase = VmPhase.Leased }, VmEffect.StartGrace, VmEffect.AnswerReserved),
            _ => Ignore(life),
        },
        VmInput.ClaimAgain => life is { Phase: VmPhase.Reserved, Interrupted: true }
            ? To(life with { Phase = VmPhase.Preparing, Interrupted = false }, VmEffect.CancelGrace, VmEffect.Prepare)
            : Ignore(life),
        VmInput.Prepared => life.Phase is VmPhase.Preparing
            ? To(life with { Phase = VmPhase.Leased }, VmEffect.StartGrace, VmEffect.StartLease, VmEffect.AnswerReserved)
            : Ignore(life),
        VmInput.Use => life switch
        {
            { Phase: VmPhase.Leased, Path: HandOutPath.V1, Confirmed: false }
                => To(life with { Confirmed = true }, VmEffect.CancelGrace, VmEffect.RecordConfirmed),
            { Phase: VmPhase.Leased, Path: HandOutPath.V1 } => To(life),
            _ => Ignore(life),
        },
        VmInput.Perform perform => VmCommands.Refusal(life, perform.Command) is null ? To(life, VmEffect.Perform) : Ignore(life),
        VmInput.Return => life switch
        {
            { Phase: VmPhase.Leased, Path: HandOutPath.V1 } => End(life, "its caller left before it was told of it", VmEffect.CancelGrace, VmEffect.Stop),
            { Phase: VmPhase.Leased, Confirmed: false } => To(VmLife.New with { Phase = VmPhase.Warm }, VmEffect.CancelGrace, VmEffect.RecordWarm),
            { Phase: VmPhase.Leased } => End(life, "the call that it was for was given up, but somebody had run it", VmEffect.Stop),
            _ => Ignore(life),
        },
        VmInput.GraceExpired grace => life is { Phase: VmPhase.Leased, Confirmed: false } or { Phase: VmPhase.Reserved, Interrupted: true }
            ? End(life, $"its holder did not act within {grace.Grace.TotalSeconds:0.###} s", VmEffect.Stop)
            : Ignore(life),
        VmInput.LeaseExpired => life is { Phase: VmPhase.Leased, Path: HandOutPath.V1 }
            ? End(life, "its lease expired", VmEffect.CancelGrace, VmEffect.Stop)
            : Ignore(life),

        VmInput.HeldTooLong held => life is { Phase: VmPhase.Leased, Path: HandOutPath.Kata, Confirmed: true }
            ? End(life, $"it was held through Kata's call for longer than held-limit ({held.Limit.TotalSeconds:0.###} s), and no client was connected to it", VmEffect.Stop)
            : Ignore(life),

        VmInput.Answers => life.Phase is VmPhase.Unresponsive ? To(VmLife.New with { Phase = VmPhase.Warm }) : Ignore(life),
        VmInput.Silent silent => OnSilent(life, silent),
        VmInput.Unfit unfit => life switch
        {
            { Phase: VmPhase.Warm or VmPhase.Unresponsive } or { Phase: VmPhase.Reserved, Interrupted: false } => Fail(life, unfit.Failure),
            _ => Ignore(life),
        },

        VmInput.Stop stop => OnStop(life, stop.Reason),
        VmInput.OperationFailed { Left: { } left } failed when life.Starting || EndsUnmade(life) => OnLeft(life, failed.Failure, left),
        VmInput.OperationFailed failed => OnOperationFailed(life, failed.Failure),
        VmInput.StopDone => life.Phase is VmPhase.Stopping or VmPhase.Failed
            ? To(Hindered(life, null) with { Phase = VmPhase.Gone })
            : Ignore(life),
        VmInput.StopFailed failed => life.Phase is VmPhase.Stopping or VmPhase.Failed
            ? To(Hindered(life, failed.Failure), VmEffect.RetryStopLater)
            : Ignore(life),
        VmInput.StopRetryDue => life.Phase is VmPhase.Stopping or VmPhase.Failed ? To(life, VmEffect.Stop) : Ignore(life),

        VmInput.Ran => OnRan(life),
        VmInput.GuestStopped guest => life.Phase is VmPhase.Priming or VmPhase.Warm or VmPhase.Unresponsive or VmPhase.Reserved or VmPhase.Preparing
            ? Fail(life, new VmFailure(VmFailureKind.GuestStopped, guest.How))
            : Ignore(life),
        VmInput.MonitorLost lost => life.Phase is VmPhase.Priming or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Warm or VmPhase.Unresponsive
            or VmPhase.Reserved or VmPhase.Preparing
            ? Fail(life, new VmFailure(VmFailureKind.Monitor, lost.Reason))
            : Ignore(life),
        VmInput.Exited exited => OnExited(life, exited),
        _ => throw new ArgumentOutOfRangeException(nameof(input), input, "not a VM's input"),
    };

    private static VmDecision OnStop(VmLife life, string reason) => life.Phase switch
    {
        // Nothing is known of the process yet: the creation is given up, and reports what became of it.
        VmPhase.Creating or VmPhase.Loading => End(life, reason, VmEffect.CancelOperation),
        VmPhase.Priming or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Adopting
            => End(life, reason, VmEffect.CancelOperation, VmEffect.Stop),
        VmPhase.Warm or VmPhase.Unresponsive => End(life, reason, VmEffect.Stop),
        VmPhase.Reserved when life.Interrupted => End(life, reason, VmEffect.CancelGrace, VmEffect.Stop),
        VmPhase.Reserved => End(life, reason, VmEffect.AnswerRefused, VmEffect.Stop),
        VmPhase.Preparing => End(life, reason, VmEffect.CancelOperation, VmEffect.AnswerRefused, VmEffect.Stop),
        VmPhase.Leased => End(life, reason, VmEffect.CancelGrace, VmEffect.Stop),
        _ => Ignore(life),
    };

    private static VmDecision OnOperationFailed(VmLife life, VmFailure failure) => life.Phase switch
    {
        // A creation that failed and does not say otherwise has left nothing behind (the port's promise).
        VmPhase.Creating or VmPhase.Loading => To(life with { Phase = VmPhase.Gone, Ending = new VmEnding(failure.ToString(), life.Phase, failure) }),
        VmPhase.Stopping when EndsUnmade(life) => To(life with { Phase = VmPhase.Gone }),
        VmPhase.Priming or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Adopting or VmPhase.Reserved or VmPhase.Preparing => Fail(life, failure),
        _ => Ignore(life),
    };

    private static bool EndsUnmade(VmLife life) => life is { Phase: VmPhase.Stopping, Ending.During: VmPhase.Creating or VmPhase.Loading };

    /// <summary>A creation could not take back what it had begun.</summary>
    private static VmDecision OnLeft(VmLife life, VmFailure failure, VmFailure left)
    {
        var ending = life.Ending ?? new VmEnding(failure.ToString(), life.Phase, failure);
        return To(life with { Phase = life.Ended ? life.Phase : VmPhase.Failed, Ending = ending with { Obstacle = left } }, VmEffect.RetryStopLater);
    }

    /// <summary>A question left unanswered takes it out of the callers' reach; a second one ends it. A host under load has VMs that answer late:
    /// these must not end, and least of all together.</summary>
    private static VmDecision OnSilent(VmLife life, VmInput.Silent silent) => life switch
    {
        { Phase: VmPhase.Warm } => To(Doubtful(silent.Failure)),
        // Nothing was done to it yet: another one is its caller's.
        { Phase: VmPhase.Reserved, Interrupted: false } => To(Doubtful(silent.Failure), VmEffect.AnswerRefused),
        { Phase: VmPhase.Unresponsive } when silent.MayEnd => Fail(life, silent.Failure),
        _ => Ignore(life),
    };

    private static VmLife Doubtful(VmFailure failure) => VmLife.New with { Phase = VmPhase.Unresponsive, Doubt = failure };

    private static VmDecision OnRan(VmLife life) => life switch
    {
        { Phase: VmPhase.Leased, Path: HandOutPath.Kata, Confirmed: false } => To(life with { Confirmed = true }, VmEffect.CancelGrace, VmEffect.RecordConfirmed),
        // Nobody was given it: whoever ran it, it is no base VM any more.
        { Phase: VmPhase.Warm or VmPhase.Unresponsive or VmPhase.Reserved } => Fail(life, new VmFailure(VmFailureKind.GuestStopped, "it was resumed by somebody while in the pool")),
        _ => Ignore(life),
    };

    private static VmDecision OnExited(VmLife life, VmInput.Exited exited)
    {
        var said = exited.Log.Length == 0 ? "" : $": {exited.Log}";
        var message = $"QEMU {exited.How}{said}";
        return life.Phase switch
        {
            VmPhase.Leased => End(life, message, VmEffect.CancelGrace, VmEffect.Stop),
            VmPhase.Creating or VmPhase.Loading or VmPhase.Failed or VmPhase.Stopping or VmPhase.Gone => Ignore(life),
            _ => Fail(life, new VmFailure(VmFailureKind.Exited, message)),
        };
    }

    private static VmDecision To(VmLife next, params VmEffect[] effects) => new(next, effects);

    private static VmLife Hindered(VmLife life, VmFailure? obstacle)
        => life with { Ending = (life.Ending ?? new VmEnding("", life.Phase)) with { Obstacle = obstacle } };

    private static VmDecision Ignore(VmLife life) => new(life, [], Handled: false);

    private static VmDecision End(VmLife life, string reason, params VmEffect[] effects)
        => new(life with { Phase = VmPhase.Stopping, Ending = new VmEnding(reason, life.Phase) }, effects);

    private static VmDecision Fail(VmLife life, VmFailure failure)
    {
        VmEffect[] before = life switch
        {
            { Making: true } => [VmEffect.CancelOperation],
            { Interrupted: true } => [VmEffect.CancelGrace],
            { Phase: VmPhase.Preparing } => [VmEffect.CancelOperation, VmEffect.AnswerRefused],
            { Phase: VmPhase.Reserved } => [VmEffect.AnswerRefused],
            _ => [],
        };
        return new VmDecision(
            life with { Phase = VmPhase.Failed, Ending = new VmEnding(failure.ToString(), life.Phase, failure) },
            [.. before, VmEffect.Stop]);
    }
}
