using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>kill -9 of the daemon at random moments under load; the clients' history is checked.</summary>
[Trait("Category", "Fake")]
public sealed class KillingSpecs
{
    [Fact]
    public async Task Loses_no_lease_gives_no_vm_twice_and_leaves_nothing_when_the_daemon_is_killed_at_random()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(3) };
        await Killing.RunAsync(house, house.Fakes(3), seed: 1, TimeSpan.FromSeconds(2), (kills, _) => kills < 15);
    }
}

/// <summary>The same for ten minutes, with real VMs.</summary>
[Trait("Category", "Qemu")]
[Collection(AloneCollection.Name)]
public sealed class RealKillingSpecs
{
    private static readonly TimeSpan Duration = TimeSpan.FromMinutes(10);

    [Fact]
    [Trait("Category", "Long")]
    public async Task Loses_no_lease_gives_no_vm_twice_and_leaves_nothing_in_ten_minutes_of_kills()
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(5) };
        await Killing.RunAsync(
            house, House.RealVms(3, mebibytes: 128, refill: "auto"), Environment.TickCount, TimeSpan.FromSeconds(8), (_, passed) => passed < Duration);
    }
}
