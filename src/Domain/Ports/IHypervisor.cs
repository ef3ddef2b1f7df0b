namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// Makes VMs, and finds those that an earlier process of the daemon left behind. Every method reports what the world did
/// as <see cref="VmFailedException"/>, and after a failure leaves no process, directory or socket of its own behind.
/// </summary>
public interface IHypervisor
{
    /// <summary>Checks what can be checked without starting anything (files, paths). Null when all is well.</summary>
    Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel);

    /// <summary>
    /// Starts a VM: directories, QEMU (detached: it outlives the daemon), the record as soon as the pid is known, the
    /// supervisor monitor connected and greeted. The guest is then booting.
    /// </summary>
    Task<IVm> CreateAsync(VmId id, VmSpec spec, CancellationToken cancel);

    /// <summary>What an earlier process left in the run directory, one entry a directory, readable or not.</summary>
    Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel);

    /// <summary>Takes a found VM over: process identity proved, supervisor monitor connected.</summary>
    Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel);

    /// <summary>Ends a found VM's process, if it is provably that one, and removes its directories.</summary>
    Task ReapAsync(FoundVm found, CancellationToken cancel);
}

/// <summary>A VM's directory as found at start.</summary>
/// <param name="Id">From the directory's name.</param>
/// <param name="Facts">From its record; null when that cannot be read.</param>
/// <param name="Mark">From its state file; null when that cannot be read.</param>
/// <param name="Alive">Whether the recorded process (pid and start time) lives.</param>
/// <param name="Problem">What could not be read, and why; null when all could.</param>
public sealed record FoundVm(VmId Id, VmFacts? Facts, VmMark? Mark, bool Alive, string? Problem);
