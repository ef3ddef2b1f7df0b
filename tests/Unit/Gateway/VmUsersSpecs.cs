using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>vm-users.</summary>
public sealed class VmUsersSpecs : IDisposable
{
    private static readonly HostFacts Root = new(8, 16384, "/opt/guest", "/nonexistent/vmcache.conf") { IsRoot = true, SetPriv = "/usr/bin/setpriv" };

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-users");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Is_a_range_of_its_own_where_the_daemon_is_root()
        => Assert.Equal(new VmUserOptions(UserRange.Default, "", "/usr/bin/setpriv"), Load("", Root).Options!.Users);

    [Fact]
    public void Is_the_range_that_is_written()
        => Assert.Equal(new UserRange(300000, 301000), Load("vmcache.vm-users = 300000-301000", Root).Options!.Users.Range);

    [Fact]
    public void Is_the_daemons_user_where_it_is_switched_off()
        => Assert.Equal(new VmUserOptions(null, "vm-users = off"), Load("vmcache.vm-users = off", Root).Options!.Users);

    public static TheoryData<string, string> Hindrances => new()
    {
        { "user", "a daemon that is not root cannot run VMs as other users" },
        { "setpriv", "the host has no setpriv: install util-linux" },
        { "capability", "the daemon lacks CAP_KILL: give it back" },
        { "taken", "the users 2100000000-2100065535 are taken: user alice has number 2100000100" },
    };

    [Theory]
    [MemberData(nameof(Hindrances))]
    public void Is_the_daemons_user_where_it_cannot_be_otherwise_and_says_why(string hindrance, string why)
    {
        var users = Load("", Hindered(hindrance)).Options!.Users;

        Assert.Null(users.Range);
        Assert.StartsWith(why, users.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("user", "a daemon that is not root cannot run VMs as other users")]
    [InlineData("setpriv", "the host has no setpriv")]
    [InlineData("taken", "the users 300000-301000 are taken: user alice has number 2100000100")]
    [InlineData("", "its end, 5, is before its beginning", "7-5")]
    [InlineData("", "it is no range of user numbers", "nobody")]
    public void Is_refused_when_it_is_asked_for_and_cannot_be(string hindrance, string why, string range = "300000-301000")
    {
        var fault = Assert.Single(Load($"vmcache.vm-users = \"{range}\"", Hindered(hindrance)).Faults);

        Assert.Equal(("vmcache.vm-users", range, why), (fault.Key, fault.Value, fault.Reason));
        Assert.NotEmpty(fault.Remedy);
    }

    [Theory]
    [InlineData("CapEff:\t000001ffffffffff", null)]
    [InlineData("CapEff:\t00000000000001e0", null)]
    [InlineData("CapEff:\t00000000000001c0", "CAP_KILL")]
    [InlineData("CapEff:\t0000000000000160", "CAP_SETUID")]
    [InlineData("CapInh:\t000001ffffffffff", "CAP_KILL")]
    public void Takes_capabilities_that_root_may_lack(string line, string? missing) => Assert.Equal(missing, HostFacts.MissingOf(["Name:\tx", line]));

    private static HostFacts Hindered(string by) => by switch
    {
        "user" => Root with { IsRoot = false },
        "setpriv" => Root with { SetPriv = null },
        "capability" => Root with { MissingCapability = "CAP_KILL" },
        "taken" => Root with { UsersTaken = _ => "user alice has number 2100000100" },
        _ => Root,
    };

    private ConfigurationResult Load(string text, HostFacts host)
    {
        var file = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(file, text);
        return ConfigurationLoader.Load(new CommandLineValues(file), new Dictionary<string, string>(), host);
    }
}
