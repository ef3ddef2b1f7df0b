using VmCacheCluster.Hypervisor.Qemu.Records;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class FileStateSpecs : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmcache-state");

    private string Path => System.IO.Path.Combine(_directory.FullName, "file");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Differs_when_a_file_was_replaced_by_one_of_the_same_length_and_time()
    {
        File.WriteAllText(Path, "one");
        var (before, time) = (FileState.Of(Path), File.GetLastWriteTimeUtc(Path));
        Assert.Equal(before, FileState.Of(Path));

        File.WriteAllText(Path + ".new", "two");
        File.SetLastWriteTimeUtc(Path + ".new", time);
        File.Move(Path + ".new", Path, overwrite: true);

        Assert.NotEqual(before, FileState.Of(Path));
    }

    [Fact]
    public void Counts_no_holes()
    {
        using (var file = File.OpenHandle(Path, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, new byte[4096], 0);
            RandomAccess.SetLength(file, 64 * 1024 * 1024);
        }

        Assert.InRange(FileState.Allocated(Path), 1, 1024 * 1024);
    }

    [Fact]
    public void Names_a_file_that_is_not_there() => Assert.Contains(Path, Assert.Throws<FileNotFoundException>(() => FileState.Of(Path)).Message, StringComparison.Ordinal);
}
