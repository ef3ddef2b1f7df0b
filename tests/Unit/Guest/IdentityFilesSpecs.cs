using VmCacheCluster.Guest.Preparing;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Guest;

public sealed class IdentityFilesSpecs : IDisposable
{
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly string _root = Directory.CreateTempSubdirectory("vmc-root-").FullName;
    private readonly IdentityFiles _files;

    public IdentityFilesSpecs()
    {
        Directory.CreateDirectory(_root + "/etc");
        File.WriteAllText(Hostname, "localhost\n");
        _files = new IdentityFiles(_root);
    }

    private string Hostname => _root + IdentityFiles.HostnamePath;
    private string MachineId => _root + IdentityFiles.MachineIdPath;

    public void Dispose()
    {
        _files.LetGo();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void Says_that_there_is_no_identity_yet_when_opened()
    {
        _files.Open("localhost");

        Assert.Equal(("localhost\n", "uninitialized\n"), (File.ReadAllText(Hostname), File.ReadAllText(MachineId)));
        Assert.Equal(ReadOnly, File.GetUnixFileMode(MachineId));
    }

    [Fact]
    public void Writes_in_place_until_let_go()
    {
        _files.Open("localhost");
        using var hostname = File.OpenText(Hostname);

        _files.WriteHostname("a-longer-name-than-before");
        _files.WriteHostname("short");
        _files.WriteMachineId(new string('a', 32));

        Assert.Equal("short\n", hostname.ReadToEnd());
        Assert.Equal(new string('a', 32) + "\n", File.ReadAllText(MachineId));
        Assert.Equal(ReadOnly, File.GetUnixFileMode(MachineId));
    }

    [Fact]
    public void Replaces_what_a_program_may_have_put_there_when_let_go()
    {
        _files.Open("localhost");
        _files.WriteHostname("first");
        _files.LetGo();
        File.Delete(Hostname);
        File.WriteAllText(_root + "/target", "untouched");
        File.CreateSymbolicLink(Hostname, _root + "/target");

        _files.WriteHostname("second");
        _files.WriteMachineId(new string('b', 32));

        Assert.Equal(("second\n", "untouched"), (File.ReadAllText(Hostname), File.ReadAllText(_root + "/target")));
        Assert.Null(new FileInfo(Hostname).LinkTarget);
        Assert.Equal(new string('b', 32) + "\n", File.ReadAllText(MachineId));
        Assert.Equal(ReadOnly, File.GetUnixFileMode(MachineId));
    }

    [Fact]
    public void Leaves_an_identity_alone_when_opened_after_it_was_given()
    {
        _files.WriteHostname("first");
        _files.WriteMachineId(new string('c', 32));
        _files.Open("localhost");

        Assert.Equal(("first\n", new string('c', 32) + "\n"), (File.ReadAllText(Hostname), File.ReadAllText(MachineId)));
    }
}
