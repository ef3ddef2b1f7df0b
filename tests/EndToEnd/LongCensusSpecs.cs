using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>As <see cref="CensusSpecs"/>, for as long as a daemon may run.</summary>
[Trait("Category", "Long")]
[Collection(AloneCollection.Name)]
public sealed class LongCensusSpecs
{
    [Fact]
    public async Task Holds_no_more_after_ten_thousand_cycles_of_acquire_and_release()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(4) };
        await Census.AssertSameAfterAsync(house, house.Start(house.Fakes(4)), 10_000);
    }

    [Fact]
    public async Task Holds_no_more_after_two_hundred_cycles_with_real_vms()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(4) };
        await Census.AssertSameAfterAsync(house, house.Start(House.RealVms(2, refill: "auto")), 200);
    }
}
