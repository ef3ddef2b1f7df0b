using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

public sealed class MemoryPolicySpecs
{
    private const long MiB = 1024 * 1024;
    private static readonly MemoryLimits Limits = new(512 * MiB, 0.1);

    [Theory]
    [InlineData(1000, 0.0, 0, 488, null)]
    [InlineData(1000, 0.0, 0, 489, "1000 MiB are available, 489 MiB are needed for VMs, and 512 MiB are kept free (memory-reserve)")]
    [InlineData(1000, 0.0, 300, 188, null)]
    [InlineData(1000, 0.0, 300, 189, "489 MiB are needed")]
    [InlineData(100_000, 0.1, 0, 1, null)]
    [InlineData(100_000, 0.11, 0, 1, "waited for it 11 % of the time, more than memory-pressure = 10 %")]
    [InlineData(100_000, null, 0, 1, null)]
    public void Says_what_stands_in_the_way_of_one_more(long available, double? stalled, long promised, long need, string? reason)
    {
        var obstacle = MemoryPolicy.Obstacle(new HostMemory(available * MiB, stalled), Limits, promised * MiB, need * MiB);

        if (reason is null) Assert.Null(obstacle);
        else Assert.Contains(reason, obstacle, StringComparison.Ordinal);
    }

    [Fact]
    public void Does_not_mind_waiting_processes_when_told_so()
        => Assert.Null(MemoryPolicy.Obstacle(new HostMemory(1000 * MiB, 0.9), Limits with { MostStalled = null }, 0, MiB));

    [Fact]
    public void Expects_less_of_a_clone_than_of_a_boot()
    {
        var spec = new VmSpec { Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", MemoryMiB = 256 };

        Assert.Equal((304 * MiB, 48 * MiB), (MemoryPolicy.NeedOf(spec, clone: false), MemoryPolicy.NeedOf(spec, clone: true)));
    }
}
