using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>The first and the last step of making a VM.</summary>
internal static class Making
{
    /// <summary>By clone or by boot, as planned.</summary>
    public static async Task<IVm> CreateAsync(VmPorts ports, VmPlan plan, CancellationToken cancel)
    {
        if (await ports.Hypervisor.PreflightAsync(plan.Spec, cancel).ConfigureAwait(false) is { } fault) throw new VmFailedException(fault);
        return plan.Template is { } template
            ? await ports.Templates!.CloneAsync(plan.Id, plan.Spec, template, plan.Priority, cancel).ConfigureAwait(false)
            : await ports.Hypervisor.CreateAsync(plan.Id, plan.Spec, plan.Priority, cancel).ConfigureAwait(false);
    }

    /// <summary>Afterwards it stands still, and runs as every other process once it is resumed: its holder does that by a monitor of
    /// his own.</summary>
    /// <returns>What its guest has used of the host's CPUs.</returns>
    public static async Task<TimeSpan> PauseAsync(IVm vm, CancellationToken cancel)
    {
        await vm.PauseAsync(cancel).ConfigureAwait(false);
        vm.RaisePriority();
        return vm.ReadGuestCpu() ?? TimeSpan.Zero;
    }
}
