using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
public sealed class MemoryPressureSpecs
{
    [Fact]
    public async Task Says_why_no_vm_is_made_when_all_memory_is_to_be_left_to_the_host()
    {
        await using var house = new House();
        var daemon = house.Start(house.Fakes(2) + "\nmemory-reserve = \"100%\"\n");

        var status = await daemon.PoolAsync(
            p => p.Reason.Contains("are kept free (memory-reserve)", StringComparison.Ordinal), "the pool says that memory is short");

        Assert.Equal(0u, status.Pools.Single().Warm);
        Assert.Empty(house.VmProcesses());
        Assert.Contains("no VMs are made: the host is short of memory", daemon.Log, StringComparison.Ordinal);
    }
}
