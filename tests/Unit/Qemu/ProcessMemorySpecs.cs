using VmCacheCluster.Hypervisor.Qemu.Processes;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Qemu;

public sealed class ProcessMemorySpecs
{
    [Fact]
    public void Reads_what_a_process_takes() => Assert.InRange(ProcessMemory.ReadPssKiB(Environment.ProcessId)!.Value, 1024, Environment.WorkingSet / 1024 * 2);

    /// <summary>The largest pid that Linux gives is 4194303.</summary>
    [Fact]
    public void Says_nothing_of_a_process_that_is_not_there() => Assert.Null(ProcessMemory.ReadPssKiB(4_194_304));
}
