using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class SafePathSpecs : IDisposable
{
    private const int Nobody = 65534;

    /// <summary>In /tmp, which is sticky and for all.</summary>
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("vms-");

    public SafePathSpecs() => Directory.CreateDirectory(At("a/run"));

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Takes_what_is_ours_and_what_is_not_there_yet()
    {
        Assert.Null(SafePath.Fault(At("a/run")));
        Assert.Null(SafePath.Fault(At("a/run/later/still")));
        Assert.Null(SafePath.Fault(At("a/../a/./run/..")));
        Assert.Null(SafePath.Fault("/run/vmcache-that-is-not-there"));
    }

    [Theory]
    [InlineData("a/run", 0x1FF, "every user may write to {0}/a/run: take that right away (chmod o-w {0}/a/run)")] // 0777
    [InlineData("a/run", 0x3FF, "every user may write to {0}/a/run: take that right away (chmod o-w {0}/a/run)")] // 1777
    [InlineData("a", 0x1FF, "every user may write to {0}/a: take that right away (chmod o-w {0}/a)")]
    [InlineData("a", 0x3FF, null)]
    [InlineData("a", 0x1ED, null)] // 0755
    [InlineData("a", 0x1F8, null)] // 0770, of our own group
    public void Refuses_what_others_may_write_to(string name, int mode, string? fault)
    {
        File.SetUnixFileMode(At(name), (UnixFileMode)mode);

        Assert.Equal(fault is null ? null : string.Format(null, fault, _root.FullName), SafePath.Fault(At("a/run")));
    }

    [Fact]
    public void Lets_others_write_beside_what_is_ours_where_that_is_wanted()
    {
        File.SetUnixFileMode(At("a/run"), (UnixFileMode)0x3FF);
        Assert.Null(SafePath.Fault(At("a/run"), shared: true));
        File.SetUnixFileMode(At("a/run"), (UnixFileMode)0x1FF);
        Assert.NotNull(SafePath.Fault(At("a/run"), shared: true));
    }

    [Fact]
    public void Follows_links_of_ours_and_looks_at_what_they_lead_to()
    {
        Directory.CreateDirectory(At("b/open"));
        File.CreateSymbolicLink(At("to-run"), At("a"));
        File.CreateSymbolicLink(At("relative"), "b/../a");
        File.CreateSymbolicLink(At("to-open"), "b/open");
        File.CreateSymbolicLink(At("loop"), At("loop"));
        File.SetUnixFileMode(At("b/open"), (UnixFileMode)0x1FF);

        Assert.Null(SafePath.Fault(At("to-run/run")));
        Assert.Null(SafePath.Fault(At("relative/run")));
        Assert.StartsWith($"every user may write to {At("b/open")}", SafePath.Fault(At("to-open/run")), StringComparison.Ordinal);
        Assert.EndsWith("leads through more than 40 symbolic links", SafePath.Fault(At("loop")), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Refuses_what_belongs_to_others_on_the_way()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "only root can give directories away");
        await ChownAsync($"{Nobody}:0", At("a"));
        Assert.StartsWith($"{At("a")} belongs to user {Nobody}, who can put anything in its place", SafePath.Fault(At("a/run")), StringComparison.Ordinal);

        await ChownAsync("0:0", At("a"));
        File.CreateSymbolicLink(At("theirs"), At("a"));
        await ChownAsync($"{Nobody}:0", At("theirs"));
        Assert.Equal($"{At("theirs")} is a symbolic link of user {Nobody}", SafePath.Fault(At("theirs/run")));

        await ChownAsync($"0:{Nobody}", At("a"));
        File.SetUnixFileMode(At("a"), (UnixFileMode)0x1F8);
        Assert.StartsWith($"group {Nobody} may write to {At("a")}", SafePath.Fault(At("a/run")), StringComparison.Ordinal);
        Assert.Null(SafePath.Fault(At("a"), shared: true));
    }

    [Fact]
    public void Says_that_a_file_is_no_directory()
    {
        File.WriteAllText(At("file"), "");
        Assert.Equal($"{At("file")} is no directory", SafePath.Fault(At("file/run")));
    }

    private static async Task ChownAsync(string owner, string path)
    {
        using var chown = System.Diagnostics.Process.Start("chown", ["-h", owner, path]);
        await chown.WaitForExitAsync().WaitAsync(Eventually.Patience);
        Assert.Equal(0, chown.ExitCode);
    }

    private string At(string name) => Path.Combine(_root.FullName, name);
}
