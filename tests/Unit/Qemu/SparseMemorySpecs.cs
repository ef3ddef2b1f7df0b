using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class SparseMemorySpecs
{
    private const int Page = 4096;
    private const long Length = 64 * Page;

    [Fact]
    public void Gives_back_pages_of_zeros_and_keeps_the_rest()
    {
        using var memory = Memory(3, 4, 40);
        var before = Contents(memory);

        memory.DropZeros();

        Assert.Equal([(3L * Page, 5L * Page), (40L * Page, 41L * Page)], Data(memory));
        Assert.Equal(before, Contents(memory));
        memory.Seal();
    }

    [Fact]
    public void Copies_no_page_of_zeros_and_counts_none()
    {
        using var from = Memory(0, 17, 63);
        using var to = MemoryFile.Create("vmcache-test", 0);

        var copied = SparseCopy.Run(from.Handle, to.Handle, CancellationToken.None);

        Assert.Equal(3 * Page, copied.Bytes);
        Assert.Equal([(0L, 1L * Page), (17L * Page, 18L * Page), (63L * Page, 64L * Page)], Data(to));
        Assert.Equal(Contents(from), Contents(to));
    }

    [Fact]
    public void Has_the_same_digest_whether_zeros_are_holes_and_another_when_a_page_moved()
    {
        using var written = Memory(5);
        using var holes = Memory(5);
        using var moved = Memory(6);
        holes.DropZeros();

        Assert.Equal(Digest(written), Digest(holes));
        Assert.NotEqual(Digest(written), Digest(moved));
    }

    private static string Digest(MemoryFile memory)
    {
        using var to = MemoryFile.Create("vmcache-test", 0);
        return SparseCopy.Run(memory.Handle, to.Handle, CancellationToken.None).Digest;
    }

    /// <summary>All of it written, with zeros but for these pages.</summary>
    private static MemoryFile Memory(params int[] pages)
    {
        var memory = MemoryFile.Create("vmcache-test", Length);
        RandomAccess.Write(memory.Handle, new byte[Length], 0);
        foreach (var page in pages) RandomAccess.Write(memory.Handle, "x"u8, ((page + 1L) * Page) - 1);
        return memory;
    }

    private static byte[] Contents(MemoryFile memory)
    {
        var contents = new byte[Length];
        Assert.Equal(Length, RandomAccess.Read(memory.Handle, contents, 0));
        return contents;
    }

    private static List<(long From, long To)> Data(MemoryFile memory)
    {
        const int seekData = 3, seekHole = 4;
        var (runs, fd) = (new List<(long, long)>(), (int)memory.Handle.DangerousGetHandle());
        for (long from, to = 0; (from = Native.Seek(fd, to, seekData)) >= 0; runs.Add((from, to))) to = Native.Seek(fd, from, seekHole);
        return runs;
    }
}
