using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>A guest's kernel that was booted with little memory takes much more of it.</summary>
[Trait("Category", "Long")]
[Collection(AloneCollection.Name)]
public sealed class RealGrowthSpecs
{
    private const int Gibibyte = 1024 * 1024;

    /// <summary>In one step the kernel panics for want of memory: each new GiB needs 16 MiB of the memory there is for its own description.</summary>
    [Fact]
    public async Task Grows_to_48_times_its_memory_and_costs_no_other_vm()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(5) };
        var daemon = house.Start(House.RealVms(2, mebibytes: 256, refill: "auto"));
        var before = (await daemon.WarmAsync()).Pools[0].Vms.Select(v => v.Id).ToHashSet();

        var run = await CliRun.SucceedingAsync(
            house.Endpoint, "acquire", "--pool", "default", "--memory", "12288", "--timeout", "240s", "--", "sed", "-n", "s/MemTotal: *\\([0-9]*\\) kB/\\1/p", "/proc/meminfo");

        Assert.InRange(long.Parse(run.Out, System.Globalization.CultureInfo.InvariantCulture), 11L * Gibibyte, 12L * Gibibyte);
        Assert.Single(before.Intersect(house.VmDirectories()));
    }
}
