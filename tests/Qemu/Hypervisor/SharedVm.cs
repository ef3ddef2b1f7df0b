using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>One booted VM for all tests of a class, each of which leaves it running.</summary>
public sealed class SharedVm : IAsyncLifetime
{
    public HypervisorHouse House { get; } = new();

    public IVm Vm { get; private set; } = null!;

    public static VmSpec Spec() => HypervisorHouse.Spec() with { MaxCpus = 3, MemorySlots = 1, MaxMemoryMiB = 4096 };

    public async Task InitializeAsync()
    {
        Vm = await House.BootAsync(Spec());
        await Vm.CheckAgentAsync(CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await Vm.StopAsync(CancellationToken.None);
        await Vm.DisposeAsync();
        await House.DisposeAsync();
    }
}
