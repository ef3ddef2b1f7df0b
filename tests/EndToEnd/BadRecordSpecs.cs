using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>One VM's record is of no use: that is nothing to the others.</summary>
[Trait("Category", "Fake")]
public sealed class BadRecordSpecs : HouseSpecs
{
    [Fact]
    public async Task Adopts_all_others_when_a_lease_has_a_ttl_that_cannot_be()
    {
        var settings = House.Fakes(1);
        var first = House.Start(settings);
        await first.WarmAsync();
        var options = new AcquireOptions { Ttl = TimeSpan.FromMinutes(30), AutomaticRenewal = false };
        var (bad, good) = (await first.Client.AcquireAsync("default", options), await first.Client.AcquireAsync("default", options));
        await good.RenewAsync();
        await first.PoolAsync(p => p is { Leased: 2, Warm: 1, Warming: 0 }, "2 are leased, 1 is warm");
        await first.KillAsync();
        var file = Path.Combine(House.RunDirectory, "vm", bad.Id, "lease.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"ttlMilliseconds\": 1800000", $"\"ttlMilliseconds\": {long.MaxValue}", StringComparison.Ordinal));
        Assert.Contains($"{long.MaxValue}", File.ReadAllText(file), StringComparison.Ordinal);

        var second = House.Start(settings);

        await second.PoolAsync(p => p is { Leased: 1, Warm: 1, Warming: 0 }, "the others are there again");
        Assert.Equal(TimeSpan.FromMinutes(30), (await second.Client.RenewAsync(good.Id, good.Token, null, HandedOut.Timeout)).Ttl.ToTimeSpan());
        Assert.True(Processes.IsAlive((int)bad.Vm.Pid));
    }
}
