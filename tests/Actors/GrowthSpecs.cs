using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a request for more vCPUs or memory costs when it cannot be.</summary>
public class GrowthSpecs : NodeFixture
{
    private int _tries;

    [Theory]
    [InlineData(VmStep.Online, 0, 512)]
    [InlineData(VmStep.Online, 2, 0)]
    [InlineData(VmStep.AddMemory, 0, 512)]
    [InlineData(VmStep.AddCpus, 2, 0)]
    public async Task Spends_one_vm_when_it_cannot_be_grown(VmStep at, int cpus, int memory)
    {
        Hypervisor.Script = (_, step, _) => step == at ? Fail() : Task.CompletedTask;
        await StartAsync(Pool(number: 3, with: Growing));

        AssertNotGrown(await RefusedAsync(Wish(cpus, memory)), "3 memory blocks are offline");

        await UntilAsync(p => p is { Warm: 3, Leased: 0 });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Spends_one_vm_when_the_guest_dies_while_it_grows(bool panics)
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Online ? Die(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 3, with: Growing));

        AssertNotGrown(await RefusedAsync(Wish(memory: 512)), "256 MiB of memory were plugged in");

        await UntilAsync(p => p is { Warm: 3, Leased: 0 });

        Task Die(CancellationToken cancel)
        {
            Interlocked.Increment(ref _tries);
            var machine = Hypervisor.Alive.Single(vm => vm.Condition == VmCondition.Running).Machine;
            if (panics) machine.Happen(new VmEvent.Panicked("poweroff"));
            else machine.Die("was killed by signal 9 (SIGKILL)");
            return Never(cancel);
        }
    }

    [Fact]
    public async Task Brings_each_step_of_much_memory_online_before_the_next()
    {
        await StartAsync(Pool(number: 1, with: Large));

        var granted = await LeaseAsync(Wish(cpus: 2, memory: 12288));

        Assert.Equal(new VmSize(2, 12288), granted.Lease!.Size);
        Assert.Equal(
            ["resume", "prepare", "describe", "plug-memory", "online", "plug-memory", "online", "plug-memory", "plug-cpus", "online"], granted.Lease.Timeline.Select(t => t.Stage));
        Assert.Equal(2, Machine(granted.Facts.Id).Guest.Online);
    }

    [Fact]
    public async Task Takes_smaller_steps_when_the_guest_says_that_it_has_little()
    {
        await StartAsync(Pool(number: 1, with: Large));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        Machine(id).Guest.Facts = new GuestFacts("fake", 128, Preparable: true, AvailableMiB: 8);

        var granted = await LeaseAsync(Wish(memory: 768));

        Assert.Equal(new VmSize(1, 768), granted.Lease!.Size);
        Assert.Equal(["resume", "prepare", "describe", "plug-memory", "online", "plug-memory", "online"], granted.Lease.Timeline.Select(t => t.Stage));
    }

    [Fact]
    public async Task Says_so_when_the_guest_has_nothing_to_describe_more_memory_with()
    {
        await StartAsync(Pool(number: 1, with: Large));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        Machine(id).Guest.Facts = new GuestFacts("fake", 128, Preparable: true, AvailableMiB: 2);

        var refused = await RefusedAsync(Wish(memory: 768));

        Assert.Equal((RefusalKind.Invalid, TimeSpan.Zero), (refused.Kind, refused.RetryAfter));
        Assert.Contains("of its 256 MiB the guest has 2 MiB available", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_no_vm_when_the_guest_could_not_take_the_memory()
    {
        await StartAsync(Pool(number: 1, with: p => Large(p) with { Spec = Large(p).Spec with { MemorySlots = 1 } }));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        var refused = await RefusedAsync(Wish(memory: 12288));

        Assert.Equal((RefusalKind.Invalid, TimeSpan.Zero), (refused.Kind, refused.RetryAfter));
        Assert.Contains("4352 MiB that a guest started with 256 MiB takes", refused.Reason, StringComparison.Ordinal);
        Assert.Equal([VmOwnership.Warm], Machine(id).Marks.Select(m => m.Ownership));
    }

    private static PoolOptions Large(PoolOptions pool)
        => pool with { Spec = pool.Spec with { MaxCpus = 4, MemorySlots = 10, MaxMemoryMiB = 65536 } };

    private Task Fail()
    {
        Interlocked.Increment(ref _tries);
        throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "after 10 s 3 memory blocks are offline"));
    }

    private void AssertNotGrown(AcquireRefused refused, string reason)
    {
        Assert.Equal(("NotGrown", TimeSpan.Zero, 1), (refused.Kind.ToString(), refused.RetryAfter, Volatile.Read(ref _tries)));
        Assert.Contains(reason, refused.Reason, StringComparison.Ordinal);
        Assert.Contains("ask for less", refused.Reason, StringComparison.Ordinal);
    }
}
