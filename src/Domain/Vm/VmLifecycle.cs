namespace VmCacheCluster.Domain;

/// <summary>
/// The transition table of a VM's life: total and pure. An input that means nothing in a state is answered by "not
/// handled" and changes nothing; that is how late results and repeated commands are borne.
/// </summary>
public static class VmLifecycle
{
    /// <summary>
    /// The life of a VM found at start, by what its state file says; the effects finish what was begun. Only a VM that was
    /// or may have been handed out has a life to go on with.
    /// </summary>
    public static VmDecision Resume(VmMark mark)
    {
        var life = new VmLife(VmPhase.Leased, mark.Path, mark.Served);
        return mark.Ownership switch
        {
            VmOwnership.Reserved or VmOwnership.Unconfirmed => To(life, VmEffect.StartGrace),
            VmOwnership.Confirmed => To(life with { Confirmed = true }),
            _ => End(life, $"the daemon that held it as '{mark.Ownership}' is gone", VmEffect.Stop),
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
        // The caller is told at once; from then on the VM is its, and unconfirmed until it acts.
        VmInput.ReserveRecorded => life.Phase is VmPhase.Reserved
            ? To(life with { Phase = VmPhase.Leased }, VmEffect.AnswerReserved, VmEffect.StartGrace)
            : Ignore(life),
        VmInput.Return => life switch
        {
            { Phase: VmPhase.Leased, Confirmed: false } => To(VmLife.New with { Phase = VmPhase.Warm }, VmEffect.CancelGrace, VmEffect.RecordWarm),
            { Phase: VmPhase.Leased } => End(life, "the call that it was for was given up, but somebody had run it", VmEffect.Stop),
            _ => Ignore(life),
        },
        VmInput.GraceExpired grace => life is { Phase: VmPhase.Leased, Confirmed: false }
            ? End(life, $"its holder did not act within {grace.Grace.TotalSeconds:0.###} s", VmEffect.Stop)
            : Ignore(life),

        VmInput.Stop stop => OnStop(life, stop.Reason),
        VmInput.OperationFailed failed => OnOperationFailed(life, failed.Failure),
        VmInput.StopDone => life.Phase is VmPhase.Stopping or VmPhase.Failed
            ? To(life with { Phase = VmPhase.Gone })
            : Ignore(life),
        VmInput.StopFailed => life.Phase is VmPhase.Stopping or VmPhase.Failed
            ? To(life, VmEffect.RetryStopLater)
            : Ignore(life),
        VmInput.StopRetryDue => life.Phase is VmPhase.Stopping or VmPhase.Failed ? To(life, VmEffect.Stop) : Ignore(life),

        VmInput.Ran => OnRan(life),
        VmInput.GuestStopped guest => life.Phase is VmPhase.Warm or VmPhase.Reserved
            ? Fail(life, new VmFailure(VmFailureKind.GuestStopped, guest.How))
            : Ignore(life),
        VmInput.MonitorLost lost => life.Phase is VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Warm or VmPhase.Reserved
            ? Fail(life, new VmFailure(VmFailureKind.Monitor, lost.Reason))
            : Ignore(life),
        VmInput.Exited exited => OnExited(life, exited),
        _ => throw new ArgumentOutOfRangeException(nameof(input), input, "not a VM's input"),
    };

    private static VmDecision OnStop(VmLife life, string reason) => life.Phase switch
    {
        // Nothing is known of the process yet: the creation is given up, and reports what became of it.
        VmPhase.Creating => End(life, reason, VmEffect.CancelOperation),
        VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing
            => End(life, reason, VmEffect.CancelOperation, VmEffect.Stop),
        VmPhase.Warm => End(life, reason, VmEffect.Stop),
        VmPhase.Reserved => End(life, reason, VmEffect.AnswerRefused, VmEffect.Stop),
        VmPhase.Leased => End(life, reason, VmEffect.CancelGrace, VmEffect.Stop),
        _ => Ignore(life),
    };

    private static VmDecision OnOperationFailed(VmLife life, VmFailure failure) => life.Phase switch
    {
        // A creation that failed has left nothing behind (the port's promise).
        VmPhase.Creating => To(life with { Phase = VmPhase.Gone, Ending = new VmEnding(failure.ToString(), life.Phase, failure) }),
        VmPhase.Stopping when life.Ending?.During == VmPhase.Creating => To(life with { Phase = VmPhase.Gone }),
        VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Reserved => Fail(life, failure),
        _ => Ignore(life),
    };

    private static VmDecision OnRan(VmLife life) => life switch
    {
        { Phase: VmPhase.Leased, Confirmed: false } => To(life with { Confirmed = true }, VmEffect.CancelGrace, VmEffect.RecordConfirmed),
        // Nobody was given it: whoever ran it, it is no base VM any more.
        { Phase: VmPhase.Warm or VmPhase.Reserved } => Fail(life, new VmFailure(VmFailureKind.GuestStopped, "it was resumed by somebody while in the pool")),
        _ => Ignore(life),
    };

    private static VmDecision OnExited(VmLife life, VmInput.Exited exited)
    {
        var said = exited.Log.Length == 0 ? "" : $": {exited.Log}";
        var message = $"QEMU {exited.How}{said}";
        return life.Phase switch
        {
            VmPhase.Leased => End(life, message, VmEffect.CancelGrace, VmEffect.Stop),
            VmPhase.Creating or VmPhase.Failed or VmPhase.Stopping or VmPhase.Gone => Ignore(life),
            _ => Fail(life, new VmFailure(VmFailureKind.Exited, message)),
        };
    }

    private static VmDecision To(VmLife next, params VmEffect[] effects) => new(next, effects);

    private static VmDecision Ignore(VmLife life) => new(life, [], Handled: false);

    private static VmDecision End(VmLife life, string reason, params VmEffect[] effects)
        => new(life with { Phase = VmPhase.Stopping, Ending = new VmEnding(reason, life.Phase) }, effects);

    private static VmDecision Fail(VmLife life, VmFailure failure)
    {
        VmEffect[] before = life.Making ? [VmEffect.CancelOperation]
            : life.Phase is VmPhase.Reserved ? [VmEffect.AnswerRefused]
            : [];
        return new VmDecision(
            life with { Phase = VmPhase.Failed, Ending = new VmEnding(failure.ToString(), life.Phase, failure) },
            [.. before, VmEffect.Stop]);
    }
}
