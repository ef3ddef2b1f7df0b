using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class MemoryGrowthSpecs
{
    [Theory]
    [InlineData(256, null, 128, "128")]
    [InlineData(256, null, 4096, "4096")]
    [InlineData(256, null, 12032, "4096 7936")]
    [InlineData(256, 150, 12032, "4736 7296")]
    [InlineData(256, 8, 512, "256 256")]
    [InlineData(256, 4, 512, "128 384")]
    [InlineData(256, 3, 128, "")]
    [InlineData(256, 0, 128, "")]
    [InlineData(64, null, 1 << 18, "1024 17408 243712")]
    [InlineData(256, null, 0, "")]
    public void Plans_steps_whose_descriptions_fit_into_what_is_online(int has, int? available, int more, string steps)
    {
        var planned = MemoryGrowth.Steps(has, available, more, 128);

        Assert.Equal(steps, string.Join(' ', planned));
        if (steps.Length > 0) Assert.Equal(more, planned.Sum());
    }

    [Theory]
    [InlineData(1, "4096 7936")]
    [InlineData(3, "4096 3968 3968")]
    [InlineData(10, "4096 3968 3968")]
    public void Makes_more_steps_where_there_are_slots_for_them(int slots, string steps)
        => Assert.Equal(steps, string.Join(' ', MemoryGrowth.Steps(256, null, 12032, 128, slots)));

    [Fact]
    public void Promises_no_more_than_its_steps_come_to()
    {
        for (var slots = 1; slots <= 4; slots++)
        {
            var most = MemoryGrowth.Most(256, slots, 128);
            var planned = MemoryGrowth.Steps(256, null, (int)Math.Min(most - 256, (1 << 30) - 256), 128);
            Assert.InRange(planned.Count, 1, slots);
        }

        Assert.Equal(256, MemoryGrowth.Most(256, 0, 128));
        Assert.InRange(MemoryGrowth.Most(1 << 20, 1000, 128), int.MaxValue, long.MaxValue);
    }
}
