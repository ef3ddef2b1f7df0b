using System.Runtime.InteropServices;
using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu.Files;

/// <summary>A tree that cannot be removed: it is said why and what to do, and it can be tried again.</summary>
public sealed class TreeRefusalSpecs : TreeFixture
{
    private const int NoNewPrivileges = 38, SetSeccomp = 22, SeccompFilter = 2, OpenAt2 = 437, NoSuchCall = 38, SysAdmin = 21;

    [SkippableFact]
    public void Removes_nothing_when_a_mount_cannot_be_detached_and_names_it_and_the_remedy()
    {
        SkipWithoutMounts();
        var point = Made("share", "box", "root fs");
        Mounts.Bind(Host, point);

        var refused = Assert.IsType<NotRemovedException>(OnAThread(DropSysAdmin));

        Assert.Contains($"$'{point}' is a mount point that cannot be detached: Operation not permitted", refused.Message, StringComparison.Ordinal);
        Assert.Equal($"umount $'{point}'", refused.Remedy);
        AssertHostIsWhole();
        Assert.True(File.Exists(Path.Combine(Tree, "share", "box", "root fs", "data")));
        Assert.Null(Run("/bin/bash", "-c", refused.Remedy));
        Assert.True(File.Exists(Path.Combine(point, "file")), "something of the client's was removed although the tree could not be");
        Assert.Null(OnAThread(DropSysAdmin));
        AssertRemoved();
    }

    [Fact]
    public void Removes_nothing_on_a_kernel_without_openat2_and_says_so()
    {
        Made("share");

        var refused = Assert.IsType<NotRemovedException>(OnAThread(LoseOpenAt2));

        Assert.Contains("Function not implemented", refused.Message, StringComparison.Ordinal);
        Assert.Contains("openat2", refused.Remedy, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Tree, "share", "file")));
        TreeRemover.Remove(Tree);
        AssertRemoved();
    }

    [SkippableFact]
    public void Names_a_file_that_is_immutable_and_what_ends_that()
    {
        var file = Path.Combine(Made("share"), "file");
        var cannot = Run("chattr", "+i", file);
        Skip.If(cannot is not null, $"no file can be made immutable here: {cannot}");
        try
        {
            var refused = Assert.Throws<NotRemovedException>(() => TreeRemover.Remove(Tree));

            Assert.Contains($"{file} cannot be removed: Operation not permitted", refused.Message, StringComparison.Ordinal);
            Assert.Contains($"chattr -ia {file}", refused.Remedy, StringComparison.Ordinal);
        }
        finally
        {
            Run("chattr", "-i", file);
        }

        TreeRemover.Remove(Tree);
        AssertRemoved();
    }

    /// <summary>What is lost by a thread is lost by it alone, and by threads that it starts: none.</summary>
    private Exception? OnAThread(Action lose)
    {
        Exception? fault = null;
        var thread = new Thread(() => fault = Record.Exception(() =>
        {
            lose();
            TreeRemover.Remove(Tree);
        }));
        thread.Start();
        thread.Join();
        return fault;
    }

    private static void DropSysAdmin()
    {
        const uint version = 0x20080522;
        uint[] header = [version, 0], sets = new uint[6];
        Check(CapGet(header, sets));
        sets[0] &= ~(1u << SysAdmin);
        Check(CapSet(header, sets));
    }

    private static void LoseOpenAt2()
    {
        const ulong load = 0x20, equal = 0x15, answer = 0x06, error = 0x00050000, allow = 0x7fff0000;
        // Each is a code, where to go on, and a value: the call's number, is it openat2, then it is not there, else it goes on.
        ulong[] program = [load, equal | (1ul << 24) | ((ulong)OpenAt2 << 32), answer | ((error | NoSuchCall) << 32), answer | (allow << 32)];
        var code = GCHandle.Alloc(program, GCHandleType.Pinned);
        var filter = GCHandle.Alloc(new[] { program.Length, code.AddrOfPinnedObject() }, GCHandleType.Pinned);
        try
        {
            Check(Control(NoNewPrivileges, 1, 0, 0, 0));
            Check(Control(SetSeccomp, SeccompFilter, filter.AddrOfPinnedObject(), 0, 0));
        }
        finally
        {
            filter.Free();
            code.Free();
        }
    }

    private static void Check(int result) => Assert.True(result == 0, Marshal.GetLastPInvokeErrorMessage());

    [DllImport("libc", EntryPoint = "capget", SetLastError = true)]
    private static extern int CapGet(uint[] header, [In, Out] uint[] sets);

    [DllImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static extern int CapSet(uint[] header, uint[] sets);

    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static extern int Control(int option, nint second, nint third, nint fourth, nint fifth);
}
