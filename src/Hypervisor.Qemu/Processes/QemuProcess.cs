using System.Runtime.InteropServices;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>One QEMU process, watched. Disposing it lets go and does not end it.</summary>
internal sealed class QemuProcess : IDisposable
{
    private readonly PidFd _process;
    private readonly DeathWatch.Watch _watch;
    private readonly bool _isGuard;
    private readonly QemuProcess? _guard;

    private QemuProcess(PidFd process, ProcessIdentity identity, bool isGuard = false, QemuProcess? guard = null)
    {
        _process = process;
        (_isGuard, _guard) = (isGuard, guard);
        Identity = identity;
        _watch = DeathWatch.Shared.Start(process);
        Exited = ObserveAsync();
    }

    public ProcessIdentity Identity { get; }

    /// <summary>Completes with how it ended, such as "exited with status 1", once its guard has ended too.</summary>
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
    /// <exception cref="NotExecutableException">It cannot be executed.</exception>
    /// <exception cref="IOException">The host lacks what it takes; nothing of it runs.</exception>
    public static QemuProcess Start(ProgramStart start)
    {
        CheckExecutable(start);
        return Spawn(start.Direct(), isGuard: false);
    }

    /// <summary>
    /// Starts a program that ends at its deadline also without us. What is had is its <see cref="Guard"/>, until <see cref="Guarded"/>.
    /// </summary>
    /// <exception cref="IOException">As <see cref="Start"/>.</exception>
    public static QemuProcess StartGuarded(ProgramStart start, TimeSpan lifetime)
    {
        CheckExecutable(start);
        return Spawn(start.Guarded(lifetime), isGuard: true);
    }

    /// <summary>Else a guard or setpriv would say so, to nobody but the log.</summary>
    private static void CheckExecutable(ProgramStart start)
    {
        if (Native.Access(start.Program, Native.X_OK) != 0)
            throw new NotExecutableException($"cannot execute {start.Program}: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());
    }

    private static QemuProcess Spawn(ProgramStart start, bool isGuard)
    {
        var pid = DetachedProcess.Start(start);
        PidFd? process = null;
        try
        {
            if (start.Priority == VmPriority.Background) ProcessPriority.Lower(pid);
            // Until its exit is taken even a dead child keeps its pid: this is the process that was just started.
            process = PidFd.Open(pid) ?? throw new IOException($"process {pid} of {start.Program} was gone at once");
            return new QemuProcess(process, new ProcessIdentity(pid, ProcFs.StartTime(pid) ?? 0), isGuard);
        }
        catch
        {
            DetachedProcess.End(pid);
            process?.Dispose();
            throw;
        }
    }

    /// <summary>Takes hold of the QEMU that this guard has started, and gives it this; null when it has none.</summary>
    public QemuProcess? Guarded(VmId id)
    {
        foreach (var pid in ProcFs.ChildrenOf(Identity.Pid))
        {
            if (ProcFs.OpenQemu(id, pid, startTime: null) is { } process
                && Held(process, () => new ProcessIdentity(pid, ProcFs.StartTime(pid) ?? 0), this) is { } held) return held;
        }

        return null;
    }

    /// <summary>Takes hold of a running one; null when it is not provably this VM's QEMU.</summary>
    public static QemuProcess? Adopt(VmId id, ProcessIdentity identity) =>
        ProcFs.OpenQemu(id, identity.Pid, identity.StartTime) is { } process ? Held(process, () => identity) : null;

    /// <summary>Takes hold of any process of which the start time is known; null when it is gone.</summary>
    public static QemuProcess? Adopt(ProcessIdentity identity)
    {
        if (identity.Pid <= 1 || PidFd.Open(identity.Pid) is not { } process) return null;
        return Held(process, () => ProcFs.StartTime(identity.Pid) == identity.StartTime && process.IsAlive() ? identity : null);
    }

    /// <param name="prove">Null: it is not the one that is meant.</param>
    private static QemuProcess? Held(PidFd process, Func<ProcessIdentity?> prove, QemuProcess? guard = null)
    {
        QemuProcess? held = null;
        try
        {
            return held = prove() is { } identity ? new QemuProcess(process, identity, guard: guard) : null;
        }
        finally
        {
            if (held is null) process.Dispose();
        }
    }

    /// <summary>One that was just started and is no use: it is gone, and let go of, when this returns.</summary>
    public void Abandon()
    {
        _watch.Dispose();
        // One whose exit was taken may have left its number to another.
        if (!Exited.IsCompleted) DetachedProcess.End(Identity.Pid);
        Dispose();
    }

    /// <summary>SIGKILL, and no waiting.</summary>
    public void Kill()
    {
        if (IsAlive) SignalKill();
    }

    /// <summary>SIGSTOP: it does nothing until <see cref="Continue"/>. Never a guard, whose deadline would not come.</summary>
    public void Suspend()
    {
        if (!_isGuard && IsAlive) _process.Signal(Native.SIGSTOP);
    }

    /// <summary>SIGCONT. One that was not suspended does not notice.</summary>
    public void Continue()
    {
        if (IsAlive) _process.Signal(Native.SIGCONT);
    }

    private void SignalKill()
    {
        // To a guard its deadline has come: it kills what it guards, and is gone when that is.
        _process.Signal(_isGuard ? Native.SIGALRM : Native.SIGKILL);
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
        SignalKill();
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
        _guard?.Dispose();
    }

    private async Task<string> ObserveAsync()
    {
        await _watch.Ended.ConfigureAwait(false);
        // A guard ends with what it guards, and as it did.
        if (_guard is not null) return await _guard.Exited.ConfigureAwait(false);
        // One that was ended while it started its program may have left that. Until its exit is taken, the group is no other.
        if (_isGuard) _ = Native.Kill(-Identity.Pid, Native.SIGKILL);
        return _process.IsClosed ? "is gone" : _process.TakeExit();
    }
}
