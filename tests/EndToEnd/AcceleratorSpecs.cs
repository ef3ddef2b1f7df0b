using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class AcceleratorSpecs
{
    [Fact]
    public async Task Settles_on_a_proved_accelerator_and_serves_meanwhile_when_it_is_auto()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(5) };
        var daemon = house.Start($"{House.RealVms(1)}\npool-defaults.accelerator = auto");

        var status = await daemon.PoolAsync(
            p => p is { Warm: 1, Warming: 0 } && !p.AcceleratorReason.Contains("until it is proved", StringComparison.Ordinal), "a VM is warm and the accelerator settled");

        Assert.Contains(status.Pools[0].Accelerator, new[] { "kvm", "tcg" });
        Assert.NotEmpty(status.Pools[0].AcceleratorReason);
    }
}
