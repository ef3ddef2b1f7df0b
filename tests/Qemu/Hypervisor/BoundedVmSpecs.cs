using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Hypervisor.Qemu.ControlGroups;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>When a VM's bounds change, in a directory that stands for a control group. The kernel's part: the laboratory's scene "rights".</summary>
[Trait("Category", "Fake")]
public sealed class BoundedVmSpecs : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly FakeControlGroup _group = new();

    public void Dispose() => _group.Dispose();

    [SkippableFact]
    public async Task Has_its_bounds_raised_for_what_is_plugged()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "");
        Assert.Equal($"{vm.Facts.Process.Pid}", Read(vm, "cgroup.procs"));
        Assert.Equal(Bounds(vm, 1, 256), Bounds(vm));

        Assert.Equal(new HotPlug(128, 128, null), await vm.AddMemoryAsync(128, 128, None));
        Assert.Equal(new HotPlug(2, 2, null), await vm.AddCpusAsync(2, None));

        Assert.Equal(Bounds(vm, 3, 384), Bounds(vm));
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Keeps_its_bounds_when_more_is_asked_than_it_takes()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "");

        Assert.Equal(0, (await vm.AddMemoryAsync(4096, 128, None)).Done);
        Assert.Equal(0, (await vm.AddCpusAsync(40, None)).Done);

        Assert.Equal(Bounds(vm, 1, 256), Bounds(vm));
        await vm.StopAsync(None);
    }

    [SkippableFact]
    public async Task Has_the_bounds_of_what_was_plugged_when_qemu_plugs_no_more()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await StartAsync(house, "fail-after=device_add:1:no more today");

        Assert.Equal(1, (await vm.AddCpusAsync(3, None)).Done);
        Assert.Equal(0, (await vm.AddMemoryAsync(128, 128, None)).Done);

        Assert.Equal(Bounds(vm, 2, 256), Bounds(vm));
        await vm.StopAsync(None);
    }

    private string Read(IVm vm, string file) => File.ReadAllText(_group.FileOf(vm.Facts.Id.Value, file));

    private VmBounds Bounds(IVm vm) => new(
        long.Parse(Read(vm, "memory.max"), CultureInfo.InvariantCulture), int.Parse(Read(vm, "pids.max"), CultureInfo.InvariantCulture),
        int.Parse(Read(vm, "cpu.weight"), CultureInfo.InvariantCulture));

    private static VmBounds Bounds(IVm vm, int cpus, int mebibytes) => VmBounds.Of(vm.Facts.Spec, new VmSize(cpus, mebibytes), ownPlugs: false);

    private async Task<IVm> StartAsync(HypervisorHouse house, string directives)
    {
        var path = Path.Combine(house.Root, "directives");
        await File.WriteAllTextAsync(path, directives);
        using var limit = new CancellationTokenSource(HypervisorHouse.Patience);
        var hypervisor = new QemuHypervisor(house.Options with { ControlGroups = ControlGroupTree.Open(_group.Path) }, new LinuxHostClock());
        var vm = await hypervisor.CreateAsync(
            VmId.New(),
            new VmSpec { Pool = PoolName.Default, Qemu = FakeQemuBinary.PathOrSkip(), Kernel = path, Initrd = path, MaxCpus = 4, MemorySlots = 4, MaxMemoryMiB = 1024 },
            limit.Token);
        await vm.WaitForAgentAsync(limit.Token);
        return vm;
    }
}
