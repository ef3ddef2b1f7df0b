using VmCacheCluster.Tests.EndToEnd.Support;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>kill -9 of the daemon at some of its steps, with real VMs; <see cref="CrashSpecs"/> has them all, with fakes.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealCrashSpecs
{
    [Theory]
    [InlineData("after:Create", Drive.Boot)]
    [InlineData("before:Record:Warm", Drive.Boot)]
    [InlineData("after:Record:Reserved", Drive.Acquire)]
    [InlineData("after:Prepare", Drive.Acquire)]
    [InlineData("after:Record:Confirmed", Drive.KataResume)]
    [InlineData("before:Record:Confirmed", Drive.Renew)]
    [InlineData("before:Stop", Drive.Release)]
    public async Task Leaves_every_vm_owned_or_gone_and_every_lease_when_the_daemon_is_killed(string step, Drive drive)
    {
        await using var house = new House { Patience = TimeSpan.FromMinutes(4) };
        await Crash.RunAsync(house, House.RealVms(1, mebibytes: 256), step, drive);
    }
}
