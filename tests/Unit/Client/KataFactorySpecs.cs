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

    [Fact]
    public async Task Gives_a_vm_back_that_it_cannot_resume()
    {
        await using var host = await ServiceHost.StartAsync();
        host.PlayPool(new ScriptedGuest());

        // There is no monitor at the path that the node names.
        var fault = await Assert.ThrowsAsync<VmCacheException>(
            () => new KataFactory(host.Client).GetVmAsync(Own, ServiceHost.Patience, ServiceHost.Patience));

        Assert.Equal(Reasons.Monitor, fault.Reason);
        Assert.Equal(ServiceHost.Id, host.Gateway.Only<ReleaseVm>().Id);
    }

    [Fact]
    public async Task Asks_nobody_for_a_vm_that_has_enough()
    {
        var has = new VmCapacity(2, 512);

        Assert.Equal(has, await VmGrowth.RunAsync("/no/qmp.sock", "/no/agent.sock", has, new VmCapacity(1, 512), ServiceHost.Patience));
    }

    [Fact]
    public async Task Says_so_when_a_vm_cannot_grow()
        => await Assert.ThrowsAsync<VmCacheException>(() => VmGrowth.RunAsync(
            "/no/qmp.sock", "/no/agent.sock", new VmCapacity(1, 256), new VmCapacity(2, 256), TimeSpan.FromSeconds(1)));
}
