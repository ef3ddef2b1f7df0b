using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class LinuxHostMemorySpecs : IDisposable
{
    private readonly DirectoryInfo _proc = Directory.CreateTempSubdirectory("vmcache-proc");

    public void Dispose() => _proc.Delete(recursive: true);

    [Fact]
    public void Reads_this_host() => Assert.InRange(new LinuxHostMemory().Read()!.Value.AvailableBytes, 1L << 24, 1L << 50);

    [Fact]
    public void Reads_what_is_available_and_how_long_processes_waited_for_it()
    {
        Write("meminfo", "MemTotal:       24682344 kB\nMemFree:        18 kB\nMemAvailable:   2048 kB\n");
        Write("pressure/memory", "some avg10=12.50 avg60=1.00 avg300=0.10 total=77\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=7\n");

        Assert.Equal(new HostMemory(2048 * 1024, 0.125, 24682344L * 1024), new LinuxHostMemory(_proc.FullName).Read());
    }

    [Fact]
    public void Leaves_out_what_the_kernel_does_not_tell()
    {
        Assert.Null(new LinuxHostMemory(_proc.FullName).Read());

        Write("meminfo", "MemAvailable:   2048 kB\n");
        Assert.Equal(new HostMemory(2048 * 1024, null), new LinuxHostMemory(_proc.FullName).Read());

        Write("meminfo", "MemAvailable:   much\n");
        Assert.Null(new LinuxHostMemory(_proc.FullName).Read());
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_proc.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
