namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// Makes VMs, and finds those that an earlier process of the daemon left behind. Every method reports what the world did
/// as <see cref="VmFailedException"/>, and after a failure leaves no process, directory or socket of its own behind, unless
/// <see cref="VmFailedException.Left"/> says so: then <see cref="ReapAsync"/> ends it.
/// </summary>
public interface IHypervisor
{
    /// <summary>Checks what can be checked without starting anything (files, paths). Null when all is well.</summary>
    Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel);

    /// <summary>
    /// Starts a VM: directories, QEMU (detached: it outlives the daemon), the record as soon as the pid is known, the
    /// supervisor monitor connected and greeted. The guest is then booting.
    /// </summary>
    /// <param name="priority">Until <see cref="IVm.RaisePriority"/>.</param>
    Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel);

    /// <summary>
    /// What an earlier process left: one entry a directory of the run directory, readable or not, and one for each QEMU of
    /// ours that has no directory any more.
    /// </summary>
    Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel);

    /// <summary>
    /// Takes a found VM over: process identity proved, supervisor monitor connected, run state and size asked for. The
    /// token is its time budget: a monitor that somebody else holds is silent, and when the budget is spent that is a
    /// failure of kind <see cref="VmFailureKind.Monitor"/>. A process that is gone is one of kind
    /// <see cref="VmFailureKind.Exited"/>.
    /// </summary>
    Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel);

    /// <summary>Ends a found VM's process, if it is provably that one, and removes its directories.</summary>
    Task ReapAsync(FoundVm found, CancellationToken cancel);

    /// <summary>
    /// The same by an operator's will, for one that is quarantined: whatever its record says or does not say, only the process that
    /// <see cref="FoundVm.Running"/> names is ended.
    /// </summary>
    Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel);
}

/// <summary>For whoever waits for the VM.</summary>
public static class HypervisorExtensions
{
    public static Task<IVm> CreateAsync(this IHypervisor hypervisor, VmId id, VmSpec spec, CancellationToken cancel)
        => hypervisor.CreateAsync(id, spec, VmPriority.Normal, cancel);

    public static Task<IVm> CloneAsync(this ITemplates templates, VmId id, VmSpec spec, Template template, CancellationToken cancel)
        => templates.CloneAsync(id, spec, template, VmPriority.Normal, cancel);
}

/// <summary>What became of the process that a record names.</summary>
public enum FoundProcess
{
    Alive,
    Gone,
    /// <summary>Its pid is now that of another program, which is none of ours to touch.</summary>
    Reused,
}

/// <summary>What there is of a VM's record.</summary>
public enum FoundRecord
{
    Read,
    /// <summary>There is none: the VM's start was interrupted, or its directory is gone.</summary>
    Missing,
    /// <summary>Damaged, of a newer version, or another VM's; nothing is to be concluded from it.</summary>
    Unreadable,
}

/// <summary>A VM as found at start.</summary>
/// <param name="Id">From the directory's name, or from its process.</param>
/// <param name="Facts">From its record; null unless that is <see cref="FoundRecord.Read"/>.</param>
/// <param name="Mark">From its state file; null when that cannot be read.</param>
/// <param name="Process">Of the recorded process (pid and start time); without a record, of the one in its pid file.</param>
/// <param name="Problem">What could not be read or trusted, and why; null when all could.</param>
public sealed record FoundVm(VmId Id, VmFacts? Facts, VmMark? Mark, FoundProcess Process, string? Problem)
{
    public FoundRecord Record { get; init; } = Facts is null ? FoundRecord.Unreadable : FoundRecord.Read;

    /// <summary>Its directory is a plain directory of our own user. One that is not is left alone.</summary>
    public bool Trusted { get; init; } = true;

    /// <summary>The process that provably is its QEMU, alive; null: there is none.</summary>
    public ProcessIdentity? Running { get; init; } = Facts is not null && Process == FoundProcess.Alive ? Facts.Process : null;

    /// <summary>The socket of its monitor is there. Without it no daemon can drive it.</summary>
    public bool Reachable { get; init; } = true;

    /// <summary>False: a process of ours without a directory.</summary>
    public bool HasDirectory { get; init; } = true;

    /// <summary>As last recorded; null without a record.</summary>
    public VmSize? Size { get; init; } = Facts is null ? null : new VmSize(Facts.Spec.Cpus, Facts.Spec.MemoryMiB);

    /// <summary>Null when it has none, or none that can be read (then <see cref="Problem"/> says so).</summary>
    public LeaseRecord? Lease { get; init; }

    /// <summary>The lease that it is held by. One on record before its mark says so was never anybody's.</summary>
    public LeaseRecord? HeldBy => Mark is { Path: HandOutPath.V1 } ? Lease : null;

    /// <summary>The same of one whose mark may be lost: then nobody knows that the lease was not granted.</summary>
    public LeaseRecord? MayBeHeldBy => Mark is null ? Lease : HeldBy;

    /// <summary>CPU time that the guest has used by now; null when it is not known.</summary>
    public TimeSpan? GuestCpu { get; init; }

    public bool Alive => Process == FoundProcess.Alive;

    /// <summary>To be ended without a look at what there is: that is looked at then.</summary>
    public static FoundVm Unseen(VmId id) => new(id, null, null, FoundProcess.Gone, null);
}
