using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <param name="Condition">What the VM did when it was taken over.</param>
/// <param name="GuestCpu">CPU time that its guest had used by then; null when that is not known.</param>
internal sealed record TakenVm(IVm Vm, VmCondition Condition, TimeSpan? GuestCpu);

/// <summary>Takes hold of a VM that an earlier process of the daemon left running.</summary>
internal static class TakeOver
{
    /// <summary>Of one take-over, once it is its turn.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(5);

    public static async Task<TakenVm> RunAsync(VmPorts ports, FoundVm found, CancellationToken cancel)
    {
        await ports.TakeOvers.WaitAsync(cancel).ConfigureAwait(false);
        using var budget = new CancellationTokenSource(Budget, ports.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancel);
        try
        {
            var vm = await ports.Hypervisor.AttachAsync(found, either.Token).ConfigureAwait(false);
            try
            {
                var taken = new TakenVm(vm, vm.Condition, vm.ReadGuestCpu());
                // What it was being saved for is gone with whoever saved it.
                if (taken.Condition == VmCondition.Saving) await vm.PauseAsync(either.Token).ConfigureAwait(false);
                return taken;
            }
            catch
            {
                // Its monitor takes one client: the next try would find it taken.
                await vm.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        finally
        {
            ports.TakeOvers.Release();
        }
    }
}
