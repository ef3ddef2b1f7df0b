using VmCacheCluster.Guest.Services;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Guest;

public sealed class CpuListSpecs
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("0", 1)]
    [InlineData("0-3", 4)]
    [InlineData("0-1,3,8-9\n", 5)]
    public void Counts_the_cpus_of_a_list(string list, int count) => Assert.Equal(count, CpuList.Count(list));
}
