using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Files;

/// <summary>What is mounted in a tree is of the same file system, and outlives the tree.</summary>
public sealed class MountedTreeSpecs : TreeFixture
{
    public MountedTreeSpecs() => Made("share");

    [SkippableFact]
    public void Keeps_a_directory_and_a_file_that_are_mounted_in_the_tree()
    {
        SkipWithoutMounts();
        Mounts.Bind(Host, Made("share", "box", "rootfs"));
        Mounts.Bind(Path.Combine(Host, "data"), Path.Combine(Tree, "share", "file"));

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [SkippableFact]
    public void Keeps_what_is_mounted_on_the_tree_itself()
    {
        SkipWithoutMounts();
        Mounts.Bind(Host, Tree);
        Mounts.Bind(Host, Tree);

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [SkippableFact]
    public void Keeps_what_is_mounted_over_another_mount_or_hidden_by_one()
    {
        SkipWithoutMounts();
        var (outer, inner) = (Made("share", "outer"), Made("share", "outer", "inner"));
        Mounts.Bind(Host, inner);
        Mounts.Bind(Host, inner);
        Mounts.Bind(Host, outer);
        Mounts.Bind(Host, Path.Combine(outer, "etc"));
        Mounts.Bind(Host, outer);

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [SkippableFact]
    public void Keeps_what_is_mounted_at_a_name_of_any_bytes()
    {
        SkipWithoutMounts();
        Mounts.Bind(Host, Made("share", "a b\tc\nd\\e#f\\040"));
        Bind(Host, MakeDirectory(Made("share", "x"), 0xFF, (byte)' ', 0xC3, 0x28));

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    /// <summary>Recursively mounted, a shared mount's own submounts are peers of those in the tree: what is detached there must not go here.</summary>
    [SkippableFact]
    public void Leaves_the_hosts_own_mounts_when_it_detaches_a_recursive_one()
    {
        SkipWithoutMounts();
        var (source, sub) = (Directory.CreateDirectory(At("source")).FullName, Directory.CreateDirectory(At("source/sub")).FullName);
        Mounts.Bind(source, source);
        Assert.Null(Run("mount", "--make-rshared", source));
        Mounts.Bind(Host, sub);
        Assert.Null(Run("mount", "--rbind", source, Made("share", "rootfs")));

        TreeRemover.Remove(Tree);

        AssertRemoved();
        Assert.Equal([source, sub], Mounts.Below(source));
        Assert.True(File.Exists(Path.Combine(sub, "data")));
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("share")]
    [InlineData("share/box/rootfs")]
    [InlineData("share/file")]
    public void Keeps_what_is_mounted_after_the_mounts_were_detached(string at)
    {
        SkipWithoutMounts();
        Made("share", "box", "rootfs");
        var point = Path.TrimEndingDirectorySeparator(Path.Combine(Tree, at));

        TreeRemover.Remove(Tree, detached: () =>
        {
            foreach (var _ in Enumerable.Range(0, 3)) Mounts.Bind(File.Exists(point) ? Path.Combine(Host, "data") : Host, point);
        });

        AssertRemoved();
    }

    [SkippableFact]
    public async Task Keeps_what_is_mounted_again_and_again_while_the_tree_is_removed()
    {
        SkipWithoutMounts();
        string[] names = [.. Enumerable.Range(0, 20).Select(i => $"{i}")];
        for (var round = 0; round < 5; round++)
        {
            string[] points = [.. names.Select(name => Made("share", name, "rootfs"))];
            var mounting = Task.Run(() =>
            {
                foreach (var point in points.Concat(points).Concat(points)) TryBind(point);
            });

            var refused = Record.Exception(() => TreeRemover.Remove(Tree));
            await mounting;

            AssertHostIsWhole();
            // It may give up; then it says why, and is done when nobody is in the way.
            if (refused is not null) Assert.IsType<NotRemovedException>(refused);
            TreeRemover.Remove(Tree);
            AssertRemoved();
        }
    }

    [SkippableFact]
    public void Detaches_nothing_where_a_link_leads_in_the_place_of_the_mount_points_directory()
    {
        SkipWithoutMounts();
        var elsewhere = Directory.CreateDirectory(At("elsewhere/rootfs")).FullName;
        Mounts.Bind(Host, elsewhere);
        Made("share", "box", "rootfs");

        TreeRemover.Remove(Tree, detached: () =>
        {
            Directory.Move(Path.Combine(Tree, "share", "box"), Path.Combine(Tree, "share", "moved"));
            File.CreateSymbolicLink(Path.Combine(Tree, "share", "box"), At("elsewhere"));
        });

        AssertRemoved();
        Assert.Equal([elsewhere], Mounts.Below(At("elsewhere")));
    }

    private void TryBind(string point)
    {
        try
        {
            Mounts.Bind(Host, point);
        }
        catch (IOException)
        {
            // It is removed already.
        }
    }
}
