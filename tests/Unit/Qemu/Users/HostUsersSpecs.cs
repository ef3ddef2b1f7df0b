using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Users;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Users;

public sealed class HostUsersSpecs : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmcache-users");

    public HostUsersSpecs() => _root.CreateSubdirectory("etc");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("passwd", "alice:x:2100000100:100::/home/alice:/bin/sh", "user alice of ROOT/etc/passwd has number 2100000100")]
    [InlineData("group", "crew:x:2100065535:", "group crew of ROOT/etc/group has number 2100065535")]
    [InlineData("subuid", "bob:2099990000:65536", "ROOT/etc/subuid gives bob the numbers 2099990000 to 2100055535")]
    [InlineData("subgid", "bob:2100065535:1", "ROOT/etc/subgid gives bob the numbers 2100065535 to 2100065535")]
    [InlineData("passwd", "alice:x:2099999999:100::/home/alice:/bin/sh", null)]
    [InlineData("subuid", "bob:2099990000:10000", null)]
    [InlineData("subuid", "bob:2100065536:65536", null)]
    [InlineData("passwd", "no line of a user", null)]
    [InlineData("passwd", "alice:x:many:100::/home/alice:/bin/sh", null)]
    public void Tells_who_has_a_user_of_the_range(string file, string line, string? told)
    {
        File.WriteAllText(Path.Combine(_root.FullName, "etc", file), $"root:x:0:0:root:/root:/bin/sh\n{line}\n");

        Assert.Equal(told?.Replace("ROOT", _root.FullName, StringComparison.Ordinal), HostUsers.Overlap(UserRange.Default, _root.FullName));
    }

    [Theory]
    [InlineData("         0          0 4294967295", true)]
    [InlineData("         0     100000      65536", false)]
    [InlineData("0 100000 65536\n2100000000 300000 65536", true)]
    [InlineData("0 100000 65536\n2100000000 300000 65535", false)]
    [InlineData("", false)]
    public void Knows_what_users_its_namespace_has(string map, bool has)
    {
        var file = Path.Combine(_root.FullName, "uid_map");
        File.WriteAllText(file, map + "\n");

        Assert.Equal(has, HostUsers.Has(UserRange.Default, file));
    }

    [Theory]
    [InlineData("100000-165535", 100000, 165535)]
    [InlineData("7 - 7", 7, 7)]
    public void Reads_a_range(string text, uint first, uint last)
    {
        Assert.True(UserRange.TryParse(text, out var range, out _));
        Assert.Equal(new UserRange(first, last), range);
        Assert.Equal((int)(last - first + 1), range.Count);
    }

    [Theory]
    [InlineData("100000", "it is no range of user numbers")]
    [InlineData("a-b", "it is no range of user numbers")]
    [InlineData("-5-10", "it is no range of user numbers")]
    [InlineData("1-4294967296", "it is no range of user numbers")]
    [InlineData("9-8", "its end, 8, is before its beginning")]
    [InlineData("0-100", "user 0 is no user of a VM")]
    [InlineData("1-4294967295", "user 4294967295 is no user of a VM")]
    public void Says_what_is_wrong_with_a_range(string text, string why)
    {
        Assert.False(UserRange.TryParse(text, out _, out var fault));
        Assert.Equal(why, fault);
    }
}
