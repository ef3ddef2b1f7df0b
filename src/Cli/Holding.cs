using VmCacheCluster.Cli.Output;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli;

internal static class Holding
{
    /// <summary>Until its hand-out a VM is its pool's: nobody else may run it, or anything in it.</summary>
    /// <exception cref="CliException">The VM is not leased.</exception>
    internal static void RequireLeased(Vm vm)
    {
        if (vm.State != VmState.Leased)
        {
            throw new CliException(
                ExitCode.WrongState, "FAILED_PRECONDITION", "VM_NOT_LEASED",
                $"VM {vm.Id} is {Words.Of(vm.State)}, not leased: it belongs to pool {vm.Pool}; take one by 'vmcache get-base-vm --resume'");
        }
    }
}
