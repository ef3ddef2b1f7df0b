using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Hypervisor.Qemu.Vm;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu;

/// <summary>VMs as QEMU processes that outlive this one.</summary>
public sealed class QemuHypervisor(QemuHypervisorOptions options, IHostClock clock) : IHypervisor
{
    private readonly VmStarter _starter = new(options, clock);
    private readonly VmFinder _finder = new(options);

    /// <inheritdoc/>
    public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) =>
        Task.Run(() => Preflight.Check(spec, options), cancel);

    /// <inheritdoc/>
    public async Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) =>
        await _starter.BootAsync(id, spec, priority, cancel).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel) =>
        Task.Run<IReadOnlyList<FoundVm>>(() => _finder.Find(), cancel);

    /// <inheritdoc/>
    public async Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel)
    {
        if (found.Facts is not { } facts)
            throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"VM {found.Id} has no readable record: {found.Problem}"));
        var process = QemuProcess.Adopt(found.Id, facts.Process)
            ?? throw new VmFailedException(new VmFailure(VmFailureKind.Exited, $"process {facts.Process.Pid} of VM {found.Id} is gone"));
        SupervisorMonitor? monitor = null;
        StateFile? state = null;
        Companions? companions = null;
        try
        {
            state = OpenState(facts);
            monitor = await SupervisorMonitor.ConnectAsync(facts.Paths.Supervisor, options.CommandDeadline, cancel).ConfigureAwait(false);
            companions = Companions.Adopt(facts.Paths);
            GiveClientPid(found, facts);
            if (facts.User is { } user) options.Users?.Reserve(user);
            return await QemuVm.ReopenAsync(facts, found.Size, options, process, monitor, Records(found, facts, state), companions, cancel).ConfigureAwait(false);
        }
        catch (Exception cause)
        {
            var failure = NotTakenOver(facts, cause, greeted: monitor is not null, alive: process.IsAlive);
            if (monitor is not null) await monitor.DisposeAsync().ConfigureAwait(false);
            state?.Dispose();
            companions?.Dispose();
            process.Dispose();
            if (failure is null) throw;
            throw new VmFailedException(failure, cause);
        }
    }

    /// <summary>Of a VM that a daemon made which wrote none, and that nobody was given yet.</summary>
    private static void GiveClientPid(FoundVm found, VmFacts facts)
    {
        if (facts.Spec.Kata is null || found.Mark is not { HandedOut: false }) return;
        try
        {
            ClientPidFile.Write(facts.Paths, facts.Process.Pid);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Its client misses a file; the VM is as good as it was.
        }
    }

    private static VmRecords Records(FoundVm found, VmFacts facts, StateFile state) => new(
        facts, found.Size ?? new VmSize(facts.Spec.Cpus, facts.Spec.MemoryMiB), state,
        found.Mark ?? throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"VM {found.Id} has no readable state: {found.Problem}")), found.Lease);

    /// <summary>Null: the cause says it itself.</summary>
    private static VmFailure? NotTakenOver(VmFacts facts, Exception cause, bool greeted, bool alive) => cause switch
    {
        VmFailedException or OperationCanceledException when !alive =>
            new VmFailure(VmFailureKind.Exited, $"process {facts.Process.Pid} of VM {facts.Id} ended while it was taken over"),
        VmFailedException { InnerException: QmpTimeoutException } or OperationCanceledException when !greeted =>
            new VmFailure(VmFailureKind.Monitor,
                $"the monitor {facts.Paths.Supervisor} took the connection and did not greet in time: it is taken by another client, or QEMU hangs",
                "look for another daemon on the same run directory"),
        OperationCanceledException => new VmFailure(VmFailureKind.Monitor, $"QEMU did not answer at {facts.Paths.Supervisor} in the time there was"),
        _ => null,
    };

    /// <inheritdoc/>
    public async Task ReapAsync(FoundVm found, CancellationToken cancel)
    {
        // Looked at anew: time has passed, and this deletes.
        var inspection = await Task.Run(() => _finder.Inspect(found.Id), cancel).ConfigureAwait(false);
        if (!inspection.Reapable)
            throw new VmFailedException(new VmFailure(VmFailureKind.Host,
                $"VM {found.Id} is left alone: {inspection.Found.Problem}", "look into it, and remove it by hand"));
        var facts = inspection.Found.Facts;
        using var process = inspection.Found.Running is { } running ? QemuProcess.Adopt(found.Id, running) : null;
        if (process is not null)
            await process.EndAsync(options.TerminateDeadline, options.KillDeadline, cancel).ConfigureAwait(false);
        var paths = facts?.Paths ?? QemuPaths.For(options.RunDirectory, options.ClientDirectory, found.Id);
        using (var companions = MayHaveCompanions(facts) ? Companions.FindAll(paths) : Companions.Adopt(paths))
            await companions.EndAsync(options.KillDeadline).ConfigureAwait(false);
        options.ControlGroups?.Find(found.Id)?.Remove();
        await VmDirectories.RemoveAsync(paths, options.RemoveDeadline).ConfigureAwait(false);
        options.Users?.Return(facts?.User);
    }

    /// <summary>Only then it is worth a look at each process: a VM without a record was interrupted in its start.</summary>
    private static bool MayHaveCompanions(VmFacts? facts) => facts is null || facts.Spec.Kata is not null;

    /// <inheritdoc/>
    public async Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel)
    {
        var (now, _) = await Task.Run(() => _finder.Inspect(found.Id), cancel).ConfigureAwait(false);
        if (now.Running is { } running)
        {
            if (running != found.Running)
                throw new VmFailedException(new VmFailure(VmFailureKind.Host,
                    $"VM {found.Id} is process {running.Pid} by now, and was {(found.Running is { } before ? $"process {before.Pid}" : "none")} when it was quarantined",
                    "restart vmcached, which looks anew, and look at its status"));
            using var process = QemuProcess.Adopt(found.Id, running);
            if (process is not null) await process.EndAsync(options.TerminateDeadline, options.KillDeadline, cancel).ConfigureAwait(false);
        }

        if (!now.Trusted)
            throw new VmFailedException(new VmFailure(VmFailureKind.Host,
                $"VM {found.Id} has no process any more, and its files are left alone: {now.Problem}", "look into it, and remove it by hand"));
        var paths = now.Facts?.Paths ?? QemuPaths.For(options.RunDirectory, options.ClientDirectory, found.Id);
        using (var companions = MayHaveCompanions(now.Facts) ? Companions.FindAll(paths) : Companions.Adopt(paths))
            await companions.EndAsync(options.KillDeadline).ConfigureAwait(false);
        options.ControlGroups?.Find(found.Id)?.Remove();
        await VmDirectories.RemoveAsync(paths, options.RemoveDeadline).ConfigureAwait(false);
        options.Users?.Return(now.Facts?.User);
    }

    private static StateFile OpenState(VmFacts facts)
    {
        try
        {
            return StateFile.Open(QemuPaths.State(facts.Paths));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot open {QemuPaths.State(facts.Paths)}", fault), fault);
        }
    }
}
