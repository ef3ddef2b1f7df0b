using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Vm;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class NeededPathsSpecs : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vmneeded");
    private readonly string _client;
    private readonly NeededPaths _needed;

    public NeededPathsSpecs()
    {
        _client = Path.Combine(_root.FullName, "client");
        Directory.CreateDirectory(Path.Combine(_client, "share"));
        foreach (var name in (string[])["qmp.sock", "console.sock", "../agent.sock"]) File.WriteAllText(At(name), "");
        _needed = new NeededPaths(new VmPaths(_root.FullName, _client, At("../supervisor.sock"), At("qmp.sock"), Path.GetFullPath(At("../agent.sock")), At("console.sock"), At("share")));
    }

    public void Dispose() => _root.Delete(true);

    [Theory]
    [InlineData("qmp.sock", false)]
    [InlineData("qmp.sock", true)]
    [InlineData("console.sock", false)]
    [InlineData("console.sock", true)]
    [InlineData("share", false)]
    [InlineData("share", true)]
    [InlineData("../agent.sock", false)]
    [InlineData("../agent.sock", true)]
    [InlineData("", false)]
    [InlineData("", true)]
    public void Names_what_is_gone_also_of_a_directory_that_did_not_change_for_long(string name, bool old)
    {
        if (old) Directory.SetLastWriteTimeUtc(_client, DateTime.UtcNow.AddHours(-1));
        for (var i = 0; i < 3; i++) Assert.Null(_needed.Missing());

        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(At(name)));
        if (Directory.Exists(path)) Directory.Delete(path, true);
        else File.Delete(path);

        for (var i = 0; i < 3; i++) Assert.Equal(path, _needed.Missing());
    }

    [Fact]
    public void Misses_nothing_that_somebody_put_there_again()
    {
        Directory.SetLastWriteTimeUtc(_client, DateTime.UtcNow.AddHours(-1));
        Assert.Null(_needed.Missing());
        File.Delete(At("qmp.sock"));
        Assert.NotNull(_needed.Missing());

        File.WriteAllText(At("qmp.sock"), "");

        Assert.Null(_needed.Missing());
    }

    /// <summary>Two changes within a tick of the file system's clock show the same time.</summary>
    [Fact]
    public void Trusts_no_directory_that_has_just_changed()
    {
        Assert.Null(_needed.Missing());
        var changed = Directory.GetLastWriteTimeUtc(_client);
        File.Delete(At("qmp.sock"));
        Directory.SetLastWriteTimeUtc(_client, changed);

        Assert.Equal(At("qmp.sock"), _needed.Missing());
    }

    private string At(string name) => name.Length == 0 ? _client : Path.Combine(_client, name);
}
