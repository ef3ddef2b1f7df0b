using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>What the daemon holds is the same before and after many VMs were taken and given back.</summary>
[Trait("Category", "Fake")]
[Collection(AloneCollection.Name)]
public sealed class CensusSpecs : HouseSpecs
{
    [Fact]
    public Task Holds_no_more_after_two_hundred_cycles_of_acquire_and_release() => Census.AssertSameAfterAsync(House, House.Start(House.Fakes(4)), 200);
}
