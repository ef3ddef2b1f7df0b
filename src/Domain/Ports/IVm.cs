using System.Threading.Channels;

namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// One running VM, held by its VmActor alone. Disposing it lets go (monitor, descriptors) and never ends the VM:
/// only <see cref="StopAsync"/> does. Failures are <see cref="VmFailedException"/>.
/// </summary>
public interface IVm : IAsyncDisposable
{
    VmFacts Facts { get; }

    /// <summary>What happened to the VM, whoever caused it; ends after <see cref="VmEvent.Exited"/>.</summary>
    ChannelReader<VmEvent> Events { get; }

    /// <summary>
    /// vCPUs and memory as they are: what it was started with and what was plugged since. True whatever fails, and after a
    /// take-over too: QEMU is asked then.
    /// </summary>
    VmSize Size { get; }

    /// <summary>What its vCPUs do, as the monitor told last.</summary>
    VmCondition Condition { get; }

    /// <summary>
    /// Alive and paused at this moment: the process by its pidfd, the monitor open, the run state as its events told, and what
    /// its holder reaches it by is there.
    /// Takes microseconds and never blocks.
    /// </summary>
    VmLiveness Probe();

    /// <summary>
    /// Whether a paused VM is fit for its next holder: QEMU answers within the limit and says that it is paused, and what the
    /// holder reaches it by is there. Never fails but by cancellation.
    /// </summary>
    Task<VmFitness> CheckFitAsync(TimeSpan limit, CancellationToken cancel);

    /// <summary>
    /// Whether somebody is connected to a Unix socket of its holder's. True when that cannot be known; a connection over vsock is not seen.
    /// </summary>
    Task<bool> HasClientAsync(CancellationToken cancel);

    /// <summary>Waits until the guest's agent answers that it serves; the deadline is the caller's token.</summary>
    Task WaitForAgentAsync(CancellationToken cancel);

    /// <summary>Asks the agent what it is, proves that it is one we can use, and lets go of its channel.</summary>
    Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel);

    /// <summary>Stops the vCPUs and waits until they are stopped.</summary>
    Task PauseAsync(CancellationToken cancel);

    /// <summary>Starts the vCPUs again.</summary>
    /// <param name="limit">For QEMU's answer; null: as for every other command.</param>
    Task ResumeAsync(CancellationToken cancel, TimeSpan? limit = null);

    /// <summary>
    /// CPU time that the guest has used since its start, vCPUs alone: it stands still while the VM is paused. Null when it
    /// is not known. Reads /proc, which takes some ten microseconds.
    /// </summary>
    TimeSpan? ReadGuestCpu();

    /// <summary>From now on it competes for the host's CPUs as every other process. Takes some hundred microseconds, and never fails.</summary>
    void RaisePriority();

    /// <summary>Plugs vCPUs in, one by one; the guest has them once they are online. What could not be plugged is in the answer.</summary>
    Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel);

    /// <summary>
    /// Plugs memory in, as one DIMM; the guest has it once it is online. What could not be plugged is in the answer.
    /// </summary>
    /// <param name="mebibytes">Rounded up to whole blocks.</param>
    /// <param name="blockMiB">The guest's memory block (<see cref="GuestFacts.MemoryBlockMiB"/>); it takes nothing smaller.</param>
    Task<HotPlug> AddMemoryAsync(int mebibytes, int blockMiB, CancellationToken cancel);

    /// <summary>
    /// Writes the device state and the memory of a paused VM into a file, which is there whole or not at all. The VM stays
    /// paused and can be used as before.
    /// </summary>
    Task SaveAsync(string stateFile, CancellationToken cancel);

    /// <summary>
    /// Makes the VM a sandbox's: <c>CLIENT-DIR/sandbox/SANDBOX-ID</c> is from then on a link to its client directory, and
    /// goes when the VM goes. A sandbox that has a VM already is a failure of kind <see cref="VmFailureKind.Configuration"/>.
    /// </summary>
    Task AssignAsync(SandboxId sandbox, CancellationToken cancel);

    /// <summary>Connects to the guest's agent and proves that it answers. The VM must run. The caller disposes the guest.</summary>
    Task<IGuest> OpenGuestAsync(CancellationToken cancel);

    /// <summary>
    /// Connects to the guest's agent and prepares the guest, which is the proof that it answers: one round trip where
    /// <see cref="OpenGuestAsync"/> and <see cref="IGuest.PrepareAsync"/> take two. The VM must run. The caller disposes the guest.
    /// </summary>
    Task<IGuest> PrepareGuestAsync(GuestPreparation preparation, CancellationToken cancel);

    /// <summary>Puts the lease on record, whole or not at all; it goes when the VM goes.</summary>
    Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel);

    /// <summary>Puts ownership and intent on record, before the effect that depends on it. One small write.</summary>
    Task RecordAsync(VmMark mark, CancellationToken cancel);

    /// <summary>Looks whether all that is on record of the VM is there, and writes again what is not.</summary>
    /// <returns>What was missing, and what cannot be made again, for a person; null: nothing.</returns>
    Task<string?> KeepRecordAsync(CancellationToken cancel);

    /// <summary>The last output of the guest's serial console, at most 64 KiB.</summary>
    Task<string> ReadConsoleAsync(CancellationToken cancel);

    /// <summary>
    /// Ends the VM: quit, then SIGTERM, then SIGKILL, each with its deadline. Returns when the process is gone and the
    /// directories are removed.
    /// </summary>
    Task StopAsync(CancellationToken cancel);
}

/// <summary>What an agent says of itself (Kata's Health/Version).</summary>
public sealed record AgentIdentity(string AgentVersion, string ProtocolVersion);

/// <summary>What a VM's vCPUs do.</summary>
public enum VmCondition
{
    Running,
    /// <summary>Stopped, and can go on.</summary>
    Paused,
    /// <summary>
    /// Stopped, and being written to a file, which another process of the daemon began. <see cref="IVm.PauseAsync"/> and
    /// <see cref="IVm.ResumeAsync"/> end that first.
    /// </summary>
    Saving,
    /// <summary>The guest shut down or panicked.</summary>
    Ended,
}

/// <summary>A VM's health at one moment.</summary>
/// <param name="ProcessAlive">Its process lives (not a zombie).</param>
/// <param name="MonitorOpen">The supervisor monitor is connected.</param>
/// <param name="Paused">The vCPUs are stopped, the guest neither shut down nor panicked.</param>
/// <param name="Detail">What is wrong, for a person; empty when fit.</param>
/// <param name="Missing">Of what its holder reaches it by, the path that is not there; null: all is.</param>
public readonly record struct VmLiveness(bool ProcessAlive, bool MonitorOpen, bool Paused, string Detail, string? Missing = null)
{
    public bool Fit => ProcessAlive && MonitorOpen && Paused && Missing is null;
}

/// <summary>Something that happened to a VM.</summary>
public abstract record VmEvent
{
    /// <summary>The vCPUs stopped.</summary>
    public sealed record Stopped : VmEvent;

    /// <summary>The vCPUs run. <paramref name="ByUs"/>: because of <see cref="IVm.ResumeAsync"/>.</summary>
    public sealed record Resumed(bool ByUs) : VmEvent;

    /// <summary>The guest went down (reason as QMP names it: guest-shutdown, guest-reset, host-qmp-quit, ...).</summary>
    public sealed record Shutdown(string Reason, bool ByGuest) : VmEvent;

    public sealed record Panicked(string Action) : VmEvent;

    /// <summary>The supervisor monitor broke while the process may still live.</summary>
    public sealed record MonitorLost(string Reason) : VmEvent;

    /// <summary>The process is gone. Always the last event.</summary>
    /// <param name="How">Such as "exited with status 1", "was killed by signal 9 (SIGKILL)", "is gone".</param>
    /// <param name="Log">The last lines of its log; empty when there are none.</param>
    public sealed record Exited(string How, string Log) : VmEvent;
}
