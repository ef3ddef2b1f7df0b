using System.Runtime.InteropServices;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>One QEMU process, watched. Disposing it lets go and does not end it.</summary>
internal sealed class QemuProcess : IDisposable
{
    private readonly PidFd _process;
    private readonly DeathWatch.Watch _watch;

    private QemuProcess(PidFd process, ProcessIdentity identity)
    {
        _process = process;
        Identity = identity;
        _watch = DeathWatch.Shared.Start(process);
        Exited = ObserveAsync();
    }

    public ProcessIdentity Identity { get; }

    /// <summary>Completes with how it ended, such as "exited with status 1".</summary>
    public Task<string> Exited { get; }

    /// <summary>False after <see cref="Dispose"/>.</summary>
    public bool IsAlive
    {
        get
        {
            try
            {
                return !_process.IsClosed && _process.IsAlive();
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>Starts QEMU and takes hold of it.</summary>
    /// <exception cref="IOException">It cannot be executed, or the host lacks what it takes.</exception>
    /// <param name="memory">The file that its guest's memory is; null: it has memory of its own.</param>
    /// <param name="smallPages">See <see cref="SmallPages"/>.</param>
    public static QemuProcess Start(
        string program, IReadOnlyList<string> arguments, string log, SafeHandle? memory = null, bool smallPages = false, VmPriority priority = VmPriority.Normal)
    {
        var pid = DetachedProcess.Start(program, arguments, log, memory, smallPages);
        if (priority == VmPriority.Background) ProcessPriority.Lower(pid);
        // Until its exit is taken even a dead child keeps its pid: this is the process that was just started.
        var process = PidFd.Open(pid) ?? throw new IOException($"process {pid} of {program} was gone at once");
        return new QemuProcess(process, new ProcessIdentity(pid, ProcFs.StartTime(pid) ?? 0));
    }

    /// <summary>Takes hold of a running one; null when it is not provably this VM's QEMU.</summary>
    public static QemuProcess? Adopt(VmId id, ProcessIdentity identity) =>
        ProcFs.OpenQemu(id, identity.Pid, identity.StartTime) is { } process ? new QemuProcess(process, identity) : null;

    /// <summary>Takes hold of any process of which the start time is known; null when it is gone.</summary>
    public static QemuProcess? Adopt(ProcessIdentity identity)
    {
        if (identity.Pid <= 1 || PidFd.Open(identity.Pid) is not { } process) return null;
        if (ProcFs.StartTime(identity.Pid) == identity.StartTime && process.IsAlive()) return new QemuProcess(process, identity);
        process.Dispose();
        return null;
    }

    /// <summary>SIGKILL, and no waiting.</summary>
    public void Kill()
    {
        if (IsAlive) _process.Signal(Native.SIGKILL);
    }

    /// <summary>SIGTERM, then SIGKILL, each with its deadline; a cancelled token goes to SIGKILL at once.</summary>
    /// <exception cref="VmFailedException">It did not end even so: it hangs in the kernel.</exception>
    public async Task EndAsync(TimeSpan terminate, TimeSpan kill, CancellationToken cancel)
    {
        if (terminate > TimeSpan.Zero && !cancel.IsCancellationRequested)
        {
            _process.Signal(Native.SIGTERM);
            if (await HasExitedWithinAsync(terminate, cancel).ConfigureAwait(false)) return;
        }
        _process.Signal(Native.SIGKILL);
        if (await HasExitedWithinAsync(kill, CancellationToken.None).ConfigureAwait(false)) return;
        throw new VmFailedException(new VmFailure(VmFailureKind.Host,
            $"process {Identity.Pid} did not end within {kill.TotalSeconds:0.#} s of SIGKILL: it hangs in the kernel",
            "look at the host's kernel log"));
    }

    /// <summary>Whether it ended in time; false too when cancelled.</summary>
    public async Task<bool> HasExitedWithinAsync(TimeSpan time, CancellationToken cancel)
    {
        try
        {
            await Exited.WaitAsync(time, cancel).ConfigureAwait(false);
            return true;
        }
        catch (Exception fault) when (fault is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _watch.Dispose();
        _process.Dispose();
    }

    private async Task<string> ObserveAsync()
    {
        await _watch.Ended.ConfigureAwait(false);
        return _process.IsClosed ? "is gone" : _process.TakeExit();
    }
}
