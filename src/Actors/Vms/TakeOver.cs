using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>Takes hold of a VM that an earlier process of the daemon left running.</summary>
internal static class TakeOver
{
    /// <summary>Of one take-over, once it is its turn.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(5);

    public static async Task<IVm> RunAsync(VmPorts ports, FoundVm found, CancellationToken cancel)
    {
        await ports.TakeOvers.WaitAsync(cancel).ConfigureAwait(false);
        using var budget = new CancellationTokenSource(Budget, ports.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancel);
        try
        {
            var vm = await ports.Hypervisor.AttachAsync(found, either.Token).ConfigureAwait(false);
            // What it was being saved for is gone with whoever saved it.
            if (vm.Condition == VmCondition.Saving) await vm.PauseAsync(either.Token).ConfigureAwait(false);
            return vm;
        }
        finally
        {
            ports.TakeOvers.Release();
        }
    }
}
