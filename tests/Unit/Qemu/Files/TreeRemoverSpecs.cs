using System.Net.Sockets;
using VmCacheCluster.Hypervisor.Qemu.Files;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Files;

public sealed class TreeRemoverSpecs : TreeFixture
{
    [Fact]
    public void Removes_files_sockets_and_directories_of_any_name()
    {
        Made("a", "b", "c");
        Made("a b\nc\\040");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(Tree, "s")));
        MakeDirectory(Tree, 0xFF, 0xFE, (byte)'x');
        MakeDirectory(Made("below"), 0xC3, 0x28);
        foreach (var i in Enumerable.Range(0, 3000)) File.WriteAllText(Path.Combine(Tree, "a", $"a-file-with-a-long-name-{i}"), "");

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [Fact]
    public void Removes_links_and_follows_none()
    {
        Made("a");
        File.CreateSymbolicLink(Path.Combine(Tree, "to-directory"), Host);
        File.CreateSymbolicLink(Path.Combine(Tree, "a", "to-file"), Path.Combine(Host, "data"));
        File.CreateSymbolicLink(Path.Combine(Tree, "a", "up"), "../..");
        File.CreateSymbolicLink(Path.Combine(Tree, "nowhere"), "/no/such/file");

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [Fact]
    public void Removes_the_link_or_the_file_that_stands_in_the_place_of_the_tree()
    {
        Directory.Delete(Tree);
        File.CreateSymbolicLink(Tree, Host);
        TreeRemover.Remove(Tree);
        AssertRemoved();

        File.WriteAllText(Tree, "a file");
        TreeRemover.Remove(Tree);
        AssertRemoved();
    }

    [Fact]
    public void Takes_a_tree_that_is_gone_for_removed()
    {
        TreeRemover.Remove(At("nothing"));
        TreeRemover.Remove(At("nothing/at/all"));
    }

    [Fact]
    public void Reaches_the_tree_by_links_that_are_an_operators()
    {
        Made("a");
        File.CreateSymbolicLink(At("run"), ".");

        TreeRemover.Remove(Path.Combine(At("run"), "vm"));

        AssertRemoved();
    }

    [Fact]
    public void Removes_directories_nested_deeper_than_any_path_may_be_long()
    {
        Nest(depth: 6000);

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    [SkippableFact]
    public void Keeps_what_is_mounted_deeper_than_any_path_may_be_long()
    {
        SkipWithoutMounts();
        var inmost = Made("d");
        VmCacheCluster.Tests.TestSupport.Mounts.Bind(Host, inmost);
        // A directory may be moved with what is mounted in it.
        Nest(depth: 3000);

        TreeRemover.Remove(Tree);

        AssertRemoved();
    }

    /// <summary>Puts what is in the tree so deep into it.</summary>
    private void Nest(int depth)
    {
        var (inner, outer) = (At("inner"), At("outer"));
        Directory.Move(Tree, inner);
        for (var i = 0; i < depth; i++)
        {
            Directory.CreateDirectory(outer);
            Directory.Move(inner, Path.Combine(outer, "d"));
            Directory.Move(outer, inner);
        }

        Directory.Move(inner, Tree);
    }
}
