using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Domain;

/// <summary>
/// What becomes of VMs that an earlier process of the daemon left behind: total and pure. First by what is on disk and in
/// the process table, then, for those that are taken over, by what their monitor says.
/// </summary>
public static class AdoptionRules
{
    /// <summary>The shortest run by a client's monitor takes several times as much; a paused guest takes none.</summary>
    private static readonly TimeSpan NoRun = TimeSpan.FromMicroseconds(20);

    /// <param name="wanted">What its pool makes now; null when there is no such pool.</param>
    public static AdoptionVerdict Classify(FoundVm found, VmSpec? wanted) => found switch
    {
        { Trusted: false } => Quarantine(found.Problem ?? "its directory is not to be trusted"),
        { HasDirectory: false, Alive: true } => Quarantine("its directory is gone, and with it whose it is"),
        { HasDirectory: false } => Reap("it is gone"),
        { Record: FoundRecord.Unreadable } => Quarantine(found.Problem ?? "its record cannot be read"),
        { Record: FoundRecord.Missing } => ClassifyBare(found),
        { Process: FoundProcess.Gone } => Reap("its process is gone"),
        { Process: FoundProcess.Reused } => Reap("its process is gone, and its pid is now another program's"),
        { Mark: null } => Quarantine(found.Problem ?? "its state cannot be read"),
        { Mark.Ownership: VmOwnership.Making } => Reap("it was being made"),
        { Mark.Ownership: VmOwnership.Stopping } => Reap("it was being ended"),
        { Mark.Ownership: VmOwnership.Warm, Reachable: false } => Reap("it is warm, and the socket of its monitor is gone"),
        { Mark.Ownership: VmOwnership.Warm } => ClassifyWarm(found.Facts!.Spec, wanted),
        { Mark.Path: HandOutPath.V1, Lease: null } => Quarantine(found.Problem ?? "its lease cannot be read"),
        { Reachable: false } => Quarantine("it was handed out, and the socket of its monitor is gone: it runs on, but no daemon can drive it any more"),
        _ => new AdoptionVerdict(Adoption.Adopt, "it was handed out"),
    };

    /// <param name="condition">What the VM does now.</param>
    /// <param name="guestCpu">CPU time that its guest has used; null when that is not known.</param>
    public static TakeOverVerdict Consider(VmMark mark, VmCondition condition, TimeSpan? guestCpu)
    {
        var ran = condition == VmCondition.Running || (mark.GuestCpu > TimeSpan.Zero && guestCpu - mark.GuestCpu > NoRun);
        return (mark.Ownership, mark.Path) switch
        {
            (VmOwnership.Warm, _) when condition == VmCondition.Ended => Spoilt("its guest had shut down or panicked"),
            (VmOwnership.Warm, _) when ran => Spoilt("somebody ran it while no daemon watched"),
            (VmOwnership.Reserved or VmOwnership.Unconfirmed, HandOutPath.Kata) when ran => new TakeOverVerdict(TakenOver.RanMeanwhile),
            _ => new TakeOverVerdict(TakenOver.AsMarked),
        };
    }

    /// <summary>Without a record. A start writes the state first, then starts QEMU, then writes the record.</summary>
    private static AdoptionVerdict ClassifyBare(FoundVm found) => found switch
    {
        { Alive: false } or { Mark.Ownership: VmOwnership.Making } => Reap("its start was interrupted"),
        { Mark.Ownership: VmOwnership.Stopping or VmOwnership.Warm } => Reap("its record is gone, and nobody has it"),
        _ => Quarantine("its record is gone, and its process lives"),
    };

    private static AdoptionVerdict ClassifyWarm(VmSpec spec, VmSpec? wanted)
        => wanted is null ? Reap("its pool is no longer configured")
            : spec with { Accelerator = wanted.Accelerator } != wanted ? Reap("its pool makes other VMs now")
            : new AdoptionVerdict(Adoption.Adopt, "it is warm");

    private static AdoptionVerdict Reap(string reason) => new(Adoption.Reap, reason);

    private static AdoptionVerdict Quarantine(string reason) => new(Adoption.Quarantine, reason);

    private static TakeOverVerdict Spoilt(string reason) => new(TakenOver.Spoilt, reason);
}
