using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Qemu.Hypervisor;

/// <summary>What a VM has on record is removed while it is held.</summary>
[Trait("Category", "Fake")]
public sealed class LostRecordSpecs
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static VmMark Mark(VmOwnership ownership) => new(ownership, HandOutPath.V1, Served.Warm, new LinuxHostClock().Now, GuestCpu: TimeSpan.FromSeconds(3));

    [SkippableTheory]
    [InlineData("vm.json")]
    [InlineData("state")]
    [InlineData("lease.json")]
    [InlineData("")] // all of it
    public async Task Writes_with_the_next_mark_what_was_removed(string file)
    {
        await using var house = new HypervisorHouse();
        await using var vm = await HeldAsync(house);
        var before = Assert.Single(await house.Another().FindAsync(None));
        Remove(vm, file);

        await vm.RecordAsync(Mark(VmOwnership.Confirmed), None);

        var after = Assert.Single(await house.Another().FindAsync(None));
        Assert.Equal((before.Facts, VmOwnership.Confirmed, before.Size, null), (after.Facts, after.Mark!.Ownership, after.Size, after.Problem));
        Assert.Equal(before.Lease! with { Labels = after.Lease!.Labels }, after.Lease);
        // The monitor's socket cannot be made again.
        Assert.Equal(file.Length > 0, after.Reachable);
        await vm.RecordAsync(Mark(VmOwnership.Stopping), None);
        Assert.Equal(VmOwnership.Stopping, Assert.Single(await house.Another().FindAsync(None)).Mark!.Ownership);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [SkippableTheory]
    [InlineData("vm.json")]
    [InlineData("state")]
    [InlineData("lease.json")]
    [InlineData("pid")]
    [InlineData("")]
    public async Task Writes_what_was_removed_when_it_is_told_to_look(string file)
    {
        await using var house = new HypervisorHouse();
        await using var vm = await HeldAsync(house);
        Assert.Null(await vm.KeepRecordAsync(None));
        Remove(vm, file);

        Assert.Contains(file.Length > 0 ? file : "cannot be made again", await vm.KeepRecordAsync(None), StringComparison.Ordinal);

        Assert.Null(await vm.KeepRecordAsync(None));
        var found = Assert.Single(await house.Another().FindAsync(None));
        Assert.Equal((VmOwnership.Unconfirmed, null), (found.Mark!.Ownership, found.Problem));
        Assert.NotNull(found.Lease);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Writes_what_was_removed_when_a_vcpu_is_plugged()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await HeldAsync(house);
        Remove(vm, "");

        await vm.AddCpusAsync(1, None);

        var found = Assert.Single(await house.Another().FindAsync(None));
        Assert.Equal((vm.Size, VmOwnership.Unconfirmed, null), (found.Size, found.Mark!.Ownership, found.Problem));
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    [SkippableFact]
    public async Task Fails_a_mark_that_cannot_be_on_record()
    {
        await using var house = new HypervisorHouse();
        await using var vm = await HeldAsync(house);
        Remove(vm, "");
        File.WriteAllText(vm.Facts.Paths.Directory, "in the way");

        var failed = await Assert.ThrowsAsync<VmFailedException>(() => vm.RecordAsync(Mark(VmOwnership.Confirmed), None));

        Assert.Contains("cannot write", failed.Failure.Message, StringComparison.Ordinal);
        File.Delete(vm.Facts.Paths.Directory);
        await vm.RecordAsync(Mark(VmOwnership.Confirmed), None);
        await vm.StopAsync(None);
        house.AssertEmpty();
    }

    private static async Task<IVm> HeldAsync(HypervisorHouse house)
    {
        var kernel = Path.Combine(house.Root, "kernel");
        await File.WriteAllTextAsync(kernel, "\n");
        var spec = new VmSpec
        {
            Pool = PoolName.Default, Qemu = FakeQemuBinary.PathOrSkip(), Kernel = kernel, Initrd = kernel, MaxCpus = 4, MemorySlots = 2, MaxMemoryMiB = 1024,
        };
        var vm = await house.Hypervisor.CreateAsync(VmId.New(), spec, None);
        await vm.PauseAsync(None);
        await vm.SaveLeaseAsync(new LeaseRecord(LeaseToken.New(), "key", "digest", null, new Dictionary<string, string> { ["a"] = "b" }, TimeSpan.FromMinutes(5)), None);
        await vm.RecordAsync(Mark(VmOwnership.Unconfirmed), None);
        return vm;
    }

    /// <param name="file">Empty: the whole directory.</param>
    private static void Remove(IVm vm, string file)
    {
        if (file.Length == 0) Directory.Delete(vm.Facts.Paths.Directory, recursive: true);
        else File.Delete(Path.Combine(vm.Facts.Paths.Directory, file));
    }
}
