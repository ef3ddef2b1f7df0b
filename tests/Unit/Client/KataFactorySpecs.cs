using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Client;
using VmCacheCluster.Kata;
using VmCacheCluster.Tests.Unit.Gateway.Services;

namespace VmCacheCluster.Tests.Unit.Client;

public sealed class KataFactorySpecs
{
    private static readonly KataVmConfig Own = PoolVmConfig.Of(ServiceHost.Pool(), "/somewhere/else");

    [Fact]
    public async Task Finds_no_difference_to_the_pools_own_configuration()
    {
        await using var host = await ServiceHost.StartAsync();

        Assert.Empty(await new KataFactory(host.Client).DifferencesAsync(Own));
    }

    [Fact]
    public async Task Takes_no_vm_that_is_configured_otherwise()
    {
        await using var host = await ServiceHost.StartAsync();
        var own = Own with { HypervisorConfig = Own.HypervisorConfig with { KernelPath = "/other" } };

        var fault = await Assert.ThrowsAsync<VmCacheException>(
            () => new KataFactory(host.Client).GetVmAsync(own, ServiceHost.Patience, ServiceHost.Patience));

        Assert.Equal(Reasons.ConfigurationDiffers, fault.Reason);
        Assert.Contains("HypervisorConfig.KernelPath is \"/k\" there and \"/other\" here", fault.Message);
        Assert.Empty(host.Gateway.Messages.OfType<AcquireBaseVm>());
    }
}
