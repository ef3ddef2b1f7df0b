using System.Text;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class QemuPathsSpecs
{
    [Fact]
    public void Takes_the_longest_socket_that_linux_takes_and_refuses_one_byte_more()
    {
        var probe = "/" + new string('r', 60);
        var spare = QemuPaths.MaxSocketBytes - Encoding.UTF8.GetByteCount(QemuPaths.LongestSocketOfRun(probe));
        var fits = probe[..(probe.Length + spare)];

        Assert.Null(QemuPaths.Fault(fits, "/run/vc/vm"));
        Assert.Contains("108 bytes", QemuPaths.Fault(fits + "r", "/run/vc/vm"), StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_bytes_and_not_characters() =>
        Assert.NotNull(QemuPaths.Fault("/run", "/" + new string('ü', 40)));

    [Fact]
    public void Refuses_relative_directories()
    {
        Assert.Contains("run directory 'run'", QemuPaths.Fault("run", "/c"), StringComparison.Ordinal);
        Assert.Contains("client directory 'c'", QemuPaths.Fault("/run", "c"), StringComparison.Ordinal);
    }
}
