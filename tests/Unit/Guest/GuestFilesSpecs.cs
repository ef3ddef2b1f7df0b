using Google.Protobuf;
using VmCacheCluster.Agent.Guest;
using VmCacheCluster.Guest.Preparing;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Guest;

public sealed class GuestFilesSpecs : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _root = Directory.CreateTempSubdirectory("vmc-root-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Writes_files_with_their_modes_and_makes_the_directories_above_them()
    {
        Write(("/run/secrets/token", (uint)OwnerOnly, "secret"), ("/run/secrets/other", 0, "plain"), ("/top", 0x9ED, ""));

        Assert.Equal("secret", File.ReadAllText(_root + "/run/secrets/token"));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_root + "/run/secrets/token"));
        Assert.Equal((UnixFileMode)0x1A4, File.GetUnixFileMode(_root + "/run/secrets/other"));
        Assert.Equal((UnixFileMode)0x9ED, File.GetUnixFileMode(_root + "/top"));
        Assert.Equal((UnixFileMode)0x1ED, File.GetUnixFileMode(_root + "/run/secrets"));
        Assert.Equal(["other", "token"], Directory.GetFileSystemEntries(_root + "/run/secrets").Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Replaces_what_is_there_whole()
    {
        Write(("/file", (uint)OwnerOnly, "much longer than what follows"));
        Write(("/file", 0, "short"));

        Assert.Equal("short", File.ReadAllText(_root + "/file"));
        Assert.Equal((UnixFileMode)0x1A4, File.GetUnixFileMode(_root + "/file"));
    }

    [Fact]
    public void Replaces_a_symbolic_link_and_leaves_its_target_alone()
    {
        File.WriteAllText(_root + "/target", "untouched");
        File.CreateSymbolicLink(_root + "/link", _root + "/target");

        Write(("/link", 0, "new"));

        Assert.Null(new FileInfo(_root + "/link").LinkTarget);
        Assert.Equal(("new", "untouched"), (File.ReadAllText(_root + "/link"), File.ReadAllText(_root + "/target")));
    }

    [Fact]
    public void Says_which_file_it_could_not_write_and_leaves_no_draft()
    {
        var files = new GuestFiles(_root);
        files.Add([new PrepareFile { Path = "/late/file", Content = ByteString.CopyFromUtf8("x") }]);
        // After the check: a directory where the file was to be.
        Directory.CreateDirectory(_root + "/late/file/full");

        var fault = Assert.ThrowsAny<IOException>(files.WriteAll);

        Assert.Contains("'/late/file'", fault.Message, StringComparison.Ordinal);
        Assert.Equal(["file"], Directory.GetFileSystemEntries(_root + "/late").Select(Path.GetFileName));
    }

    private void Write(params (string Path, uint Mode, string Content)[] wanted)
    {
        var files = new GuestFiles(_root);
        files.Add([.. wanted.Select(f => new PrepareFile { Path = f.Path, Mode = f.Mode, Content = ByteString.CopyFromUtf8(f.Content) })]);
        files.WriteAll();
    }
}
