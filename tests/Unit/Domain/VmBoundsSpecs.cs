using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

public sealed class VmBoundsSpecs
{
    private static readonly VmSpec Spec = new()
    {
        Pool = PoolName.Default, Qemu = "/q", Kernel = "/k", Initrd = "/i", Accelerator = Accelerator.Kvm, MemoryMiB = 512, MaxMemoryMiB = 4096, MaxCpus = 8,
    };

    [Theory]
    [InlineData(Accelerator.Kvm, 512, false, 512 + 256 + 8)]
    [InlineData(Accelerator.Tcg, 512, false, 512 + 256 + 8 + 512)]
    [InlineData(Accelerator.Kvm, 1024, false, 1024 + 256 + 16)]
    [InlineData(Accelerator.Kvm, 512, true, 4096 + 256 + 64)]
    public void Have_room_for_the_guest_and_for_qemu(Accelerator accelerator, int has, bool ownPlugs, int mebibytes)
        => Assert.Equal((long)mebibytes << 20, VmBounds.Of(Spec with { Accelerator = accelerator }, new VmSize(1, has), ownPlugs).MemoryBytes);

    [Theory]
    [InlineData(1, 100)]
    [InlineData(4, 400)]
    [InlineData(200, 10_000)]
    public void Weigh_as_many_vcpus_as_there_are(int cpus, int weight)
        => Assert.Equal((136, weight), (VmBounds.Of(Spec, new VmSize(cpus, 512), false).Tasks, VmBounds.Of(Spec, new VmSize(cpus, 512), false).CpuWeight));
}
