using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>kill -9 of the daemon at some of its steps, with real VMs; <see cref="CrashSpecs"/> has them all, with fakes.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealCrashSpecs(StoredTemplate stored)
{
    [Theory]
    [InlineData("after:Create")]
    [InlineData("before:Record:Warm")]
    public async Task Leaves_every_vm_owned_or_gone_when_the_daemon_is_killed_while_one_boots(string step)
    {
        await using var house = NewHouse();
        await Crash.RunAsync(house, House.RealVms(1, mebibytes: 256), step, Drive.Boot);
    }

    [Theory]
    [InlineData("after:Create", Drive.Boot)]
    // Of a clone that is made its own before it is warm.
    [InlineData("after:Prepare", Drive.Boot)]
    [InlineData("after:Record:Reserved", Drive.Acquire)]
    [InlineData("after:Record:Preparing", Drive.Acquire)]
    [InlineData("after:Record:Confirmed", Drive.KataResume)]
    [InlineData("before:Record:Confirmed", Drive.Renew)]
    [InlineData("before:Stop", Drive.Release)]
    public async Task Leaves_every_clone_owned_or_gone_and_every_lease_when_the_daemon_is_killed(string step, Drive drive)
    {
        await using var house = NewHouse();
        await stored.CopyToAsync(house.At("templates"));
        await Crash.RunAsync(house, StoredTemplate.Settings(house.At("templates"), number: 1, refill: "clone"), step, drive);
    }

    private static House NewHouse() => new() { Patience = TimeSpan.FromMinutes(4) };
}
