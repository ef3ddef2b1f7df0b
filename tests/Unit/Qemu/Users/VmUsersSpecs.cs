using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Users;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Users;

public sealed class VmUsersSpecs
{
    [Fact]
    public void Gives_each_vm_another_user_and_one_again_when_it_is_returned()
    {
        var range = new UserRange(1_300_000_000, 1_300_000_009);
        using var users = new VmUsers(range, "/usr/bin/setpriv");

        var taken = Enumerable.Range(0, 10).Select(_ => users.Take()).ToHashSet();

        Assert.Equal(10, taken.Count);
        Assert.All(taken, user => Assert.True(range.Contains(user)));
        var none = Assert.Throws<VmFailedException>(() => users.Take());
        Assert.Equal(VmFailureKind.Host, none.Failure.Kind);
        Assert.Contains("all 10 users of vm-users (1300000000-1300000009) are in use", none.Failure.Message, StringComparison.Ordinal);
        users.Return(1_300_000_004);
        Assert.Equal(1_300_000_004u, users.Take());
    }

    [Fact]
    public void Gives_none_that_an_adopted_vm_has()
    {
        using var users = new VmUsers(new UserRange(1_300_000_000, 1_300_000_001), "/usr/bin/setpriv");
        users.Reserve(1_300_000_000);

        Assert.Equal(1_300_000_001u, users.Take());
    }

    /// <summary>Another daemon's VM, or a person.</summary>
    [Fact]
    public void Gives_none_that_a_process_of_the_host_has()
    {
        var me = Hypervisor.Qemu.Records.Trust.Us;
        using var users = new VmUsers(new UserRange(me, me + 1), "/usr/bin/setpriv");

        Assert.Equal(me + 1, users.Take());
        Assert.Throws<VmFailedException>(() => users.Take());
    }

    [Theory]
    [InlineData(0b110_110_000, 0, null, false)]
    [InlineData(0b110_110_110, 108, null, true)]
    [InlineData(0b110_000_000, 108, null, false)]
    [InlineData(0b110_110_000, 108, 108u, true)]
    public void Puts_a_vm_into_the_group_that_opens_the_device(int mode, uint group, uint? expected, bool open)
        => Assert.Equal((expected, open), (DeviceAccess.GroupOf((uint)mode, group), DeviceAccess.IsOpen((uint)mode, group)));
}
