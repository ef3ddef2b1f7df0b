using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Whether a VM can be handed out: it lives, answers, is paused, and what its holder reaches it by is there.</summary>
internal sealed class Fitness(VmFacts facts, QemuProcess process, SupervisorMonitor monitor, RunState run)
{
    /// <summary>When a process ends its monitor breaks first: so long the process's end may take to follow.</summary>
    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(1);

    private readonly NeededPaths _needed = new(facts.Paths);
    private volatile bool _silent;

    /// <summary>It left the last question unanswered.</summary>
    public bool Silent => _silent;

    /// <inheritdoc cref="IVm.Probe"/>
    public VmLiveness Probe()
    {
        var (alive, open, phase) = (process.IsAlive, monitor.IsOpen, run.Phase);
        var missing = alive ? _needed.Missing() : null;
        var detail = !alive ? "its process is gone"
            : !open ? "its monitor is closed"
            : phase == VmCondition.Running ? "it is running"
            : phase == VmCondition.Ended ? "its guest shut down or panicked"
            : phase == VmCondition.Saving ? "it is being saved"
            : missing is not null ? Gone(missing)
            : "";
        return new VmLiveness(alive, open, phase == VmCondition.Paused, detail, missing);
    }

    /// <inheritdoc cref="IVm.CheckFitAsync"/>
    public async Task<VmFitness> CheckAsync(TimeSpan limit, CancellationToken cancel)
    {
        try
        {
            var status = await monitor.StatusAsync(cancel, limit).ConfigureAwait(false);
            _silent = false;
            if (status != "paused") return VmFitness.Unfit(new VmFailure(VmFailureKind.GuestStopped, $"QEMU says that the VM is '{status}', and not paused"));
            return _needed.Missing() is { } missing ? VmFitness.Unfit(new VmFailure(VmFailureKind.Host, Gone(missing))) : VmFitness.Fit;
        }
        catch (VmFailedException fault) when (fault.InnerException is QmpTimeoutException)
        {
            _silent = true;
            return VmFitness.NoAnswer(fault.Failure);
        }
        catch (VmFailedException fault)
        {
            if (!await process.HasExitedWithinAsync(ExitGrace, cancel).ConfigureAwait(false)) return VmFitness.Unfit(fault.Failure);
            return VmFitness.Unfit(QemuMessages.Exited(await process.Exited.ConfigureAwait(false), LogTail.Read(QemuPaths.Log(facts.Paths))));
        }
    }

    private static string Gone(string path) => $"{path}, which its holder needs, is gone";
}
