namespace VmCacheCluster.Domain;

/// <summary>Where a VM is in its life.</summary>
public enum VmPhase { Creating, Loading, Priming, Booting, Checking, Pausing, Adopting, Warm, Unresponsive, Reserved, Preparing, Leased, Failed, Stopping, Gone }

/// <summary>A VM's state, as its actor keeps it.</summary>
/// <param name="Phase">Where it is in its life.</param>
/// <param name="Path">By which interface it was handed out; None before that.</param>
/// <param name="Served">How it came to its caller; Unknown before that.</param>
/// <param name="Confirmed">Its holder has acted.</param>
/// <param name="Interrupted">Its preparation was cut off by the end of a daemon: it waits for its caller to ask again.</param>
/// <param name="Ending">Why it ends or ended; null while it lives.</param>
/// <param name="Doubt">What an unresponsive one did not answer; else null.</param>
public sealed record VmLife(
    VmPhase Phase,
    HandOutPath Path = HandOutPath.None,
    Served Served = Served.Unknown,
    bool Confirmed = false,
    bool Interrupted = false,
    VmEnding? Ending = null,
    VmFailure? Doubt = null)
{
    public static readonly VmLife New = new(VmPhase.Creating);

    /// <summary>Of a clone: QEMU starts and loads the template in one.</summary>
    public static readonly VmLife NewClone = new(VmPhase.Loading);

    /// <summary>On its way to being warm.</summary>
    public bool Making => Phase is VmPhase.Creating or VmPhase.Loading or VmPhase.Priming or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing or VmPhase.Adopting;

    /// <summary>Its process is being started; a start that fails leaves nothing behind.</summary>
    public bool Starting => Phase is VmPhase.Creating or VmPhase.Loading;

    /// <summary>The pool's, made and given to nobody.</summary>
    public bool Pooled => Phase is VmPhase.Warm or VmPhase.Unresponsive;

    /// <summary>Somebody's: handed out, or being made ready for whoever it was promised to.</summary>
    public bool Held => Phase is VmPhase.Reserved or VmPhase.Preparing or VmPhase.Leased;

    public bool Ended => Phase is VmPhase.Failed or VmPhase.Stopping or VmPhase.Gone;
}

/// <summary>Why a VM ends. <see cref="Failure"/> is null for an end that somebody wanted.</summary>
/// <param name="Reason">In words, for a person.</param>
/// <param name="During">The phase it ended in.</param>
/// <param name="Obstacle">Why its end cannot be completed, which is tried again and again; null: nothing is known to be in the way.</param>
public sealed record VmEnding(string Reason, VmPhase During, VmFailure? Failure = null, VmFailure? Obstacle = null)
{
    /// <summary>All of it, for a person.</summary>
    public string Text => Obstacle is null ? Reason : $"{Reason}; its end cannot be completed: {Obstacle}";
}

/// <summary>Everything that can be asked of a VM, and everything that can happen to it.</summary>
public abstract record VmInput
{
    // What the effects report.
    public sealed record Created : VmInput;
    /// <summary>The clone is there, and paused.</summary>
    /// <param name="Prime">It is to be made one of its own before it is warm.</param>
    public sealed record Loaded(bool Prime) : VmInput;
    public sealed record Primed : VmInput;
    public sealed record AgentAnswered : VmInput;
    public sealed record AgentChecked : VmInput;
    public sealed record Paused : VmInput;
    public sealed record ReserveRecorded : VmInput;
    public sealed record Prepared : VmInput;
    /// <param name="Left">Why a creation that failed has left something behind; null: it has not.</param>
    public sealed record OperationFailed(VmFailure Failure, VmFailure? Left = null) : VmInput;
    public sealed record StopDone : VmInput;
    public sealed record StopFailed(VmFailure Failure) : VmInput;
    public sealed record StopRetryDue : VmInput;
    public sealed record GraceExpired(TimeSpan Grace) : VmInput;
    public sealed record LeaseExpired : VmInput;
    /// <summary>It was asked whether it is fit, and is.</summary>
    public sealed record Answers : VmInput;
    /// <summary>It was asked whether it is fit, and did not answer in time.</summary>
    /// <param name="MayEnd">It may be ended for that: no other one of the host is being ended for the same.</param>
    public sealed record Silent(VmFailure Failure, bool MayEnd) : VmInput;
    /// <summary>It was asked whether it is fit, and is not.</summary>
    public sealed record Unfit(VmFailure Failure) : VmInput;
    /// <summary>It has been held through Kata's call for longer than its pool allows, and nobody is connected to it.</summary>
    public sealed record HeldTooLong(TimeSpan Limit) : VmInput;

    // What is asked of it.
    public sealed record Reserve(HandOutPath Path, Served Served) : VmInput;
    /// <summary>The caller of an interrupted preparation asks again.</summary>
    public sealed record ClaimAgain : VmInput;
    /// <summary>The holder of its lease acts: renews it, or uses the VM.</summary>
    public sealed record Use : VmInput;
    public sealed record Perform(VmCommand Command) : VmInput;
    /// <summary>Whoever it was handed out to was not told of it.</summary>
    public sealed record Return : VmInput;
    public sealed record Stop(string Reason) : VmInput;

    // What happens to it (Ports.VmEvent, as the life cycle sees it).
    public sealed record Ran : VmInput;
    public sealed record GuestStopped(string How) : VmInput;
    public sealed record MonitorLost(string Reason) : VmInput;
    public sealed record Exited(string How, string Log) : VmInput;
}

/// <summary>What the VM's actor is to do next.</summary>
public enum VmEffect
{
    WaitForAgent,
    CheckAgent,
    /// <summary>Give a clone random numbers, a clock and an identity of its own; it runs then.</summary>
    Prime,
    /// <summary>Pause the VM, then record it as warm.</summary>
    Pause,
    /// <summary>Prove it fit at this moment, then record it as reserved.</summary>
    Reserve,
    /// <summary>Make it its caller's own: resume, plug, reseed, identity. Recorded before and after.</summary>
    Prepare,
    /// <summary>Do what a command says, and answer it.</summary>
    Perform,
    /// <summary>Have it end when its lease does.</summary>
    StartLease,
    RecordConfirmed,
    RecordWarm,
    StartGrace,
    CancelGrace,
    CancelOperation,
    /// <summary>End the process and remove the directories.</summary>
    Stop,
    RetryStopLater,
    AnswerReserved,
    AnswerRefused,
}

/// <param name="Next">The state after the input.</param>
/// <param name="Effects">In the order they are to be done.</param>
/// <param name="Handled">False: the input means nothing in this state, and nothing changed.</param>
public sealed record VmDecision(VmLife Next, IReadOnlyList<VmEffect> Effects, bool Handled = true);
