namespace VmCacheCluster.Domain;

/// <summary>Where a VM is in its life.</summary>
public enum VmPhase { Creating, Booting, Checking, Pausing, Warm, Reserved, Leased, Failed, Stopping, Gone }

/// <summary>A VM's state, as its actor keeps it.</summary>
/// <param name="Phase">Where it is in its life.</param>
/// <param name="Path">By which interface it was handed out; None before that.</param>
/// <param name="Served">How it came to its caller; Unknown before that.</param>
/// <param name="Confirmed">Its holder has acted.</param>
/// <param name="Ending">Why it ends or ended; null while it lives.</param>
public sealed record VmLife(
    VmPhase Phase,
    HandOutPath Path = HandOutPath.None,
    Served Served = Served.Unknown,
    bool Confirmed = false,
    VmEnding? Ending = null)
{
    public static readonly VmLife New = new(VmPhase.Creating);

    public bool Making => Phase is VmPhase.Creating or VmPhase.Booting or VmPhase.Checking or VmPhase.Pausing;

    public bool Ended => Phase is VmPhase.Failed or VmPhase.Stopping or VmPhase.Gone;
}

/// <summary>Why a VM ends. <see cref="Failure"/> is null for an end that somebody wanted.</summary>
/// <param name="Reason">In words, for a person.</param>
/// <param name="During">The phase it ended in.</param>
public sealed record VmEnding(string Reason, VmPhase During, VmFailure? Failure = null);

/// <summary>Everything that can be asked of a VM, and everything that can happen to it.</summary>
public abstract record VmInput
{
    // What the effects report.
    public sealed record Created : VmInput;
    public sealed record AgentAnswered : VmInput;
    public sealed record AgentChecked : VmInput;
    public sealed record Paused : VmInput;
    public sealed record ReserveRecorded : VmInput;
    public sealed record OperationFailed(VmFailure Failure) : VmInput;
    public sealed record StopDone : VmInput;
    public sealed record StopFailed(VmFailure Failure) : VmInput;
    public sealed record StopRetryDue : VmInput;
    public sealed record GraceExpired(TimeSpan Grace) : VmInput;

    // What is asked of it.
    public sealed record Reserve(HandOutPath Path, Served Served) : VmInput;
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
    /// <summary>Pause the VM, then record it as warm.</summary>
    Pause,
    /// <summary>Prove it fit at this moment, then record it as reserved.</summary>
    Reserve,
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
