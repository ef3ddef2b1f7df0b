using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class HandOutSpecs : NodeFixture
{
    [Fact]
    public async Task Puts_a_vm_back_when_its_call_ended_before_it_was_answered()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;

        var granted = Assert.IsType<BaseVmGranted>(await AskAsync(Acquire()));
        granted.Vm.Tell(new ReturnVm(granted.Facts.Id));

        await UntilAsync(p => p is { Warm: 1, Leased: 0 } && p.Vms.Any(v => v.Id == id && v.Life.Phase == VmPhase.Warm)
            && Hypervisor.Vms[id].Marks[^1].Ownership == VmOwnership.Warm);
        Assert.True(Hypervisor.Vms[id].Alive);
    }

    [Fact]
    public async Task Costs_no_vm_when_a_waiting_caller_leaves()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));
        var acquire = Acquire();
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Waiting == 1);

        Leave(acquire);
        await UntilAsync(p => p.Waiting == 0);
        hold.SetResult();

        await UntilAsync(p => p is { Warm: 1, Leased: 0, Warming: 0 });
    }

    [Fact]
    public async Task Returns_a_vm_that_was_granted_to_a_caller_who_had_left()
    {
        var hold = new TaskCompletionSource();
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Record ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        var acquire = Acquire();
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Reserved));

        Leave(acquire);
        hold.SetResult();

        await UntilAsync(p => p is { Warm: 1, Leased: 0, Warming: 0 });
    }

    [Fact]
    public async Task Destroys_a_vm_whose_holder_never_acts()
    {
        await StartAsync(Pool(number: 1, with: p => p with { GracePeriod = TimeSpan.FromSeconds(30) }));
        var granted = await TakeAsync();
        var leased = await UntilAsync(p => p.Vms.Any(v => v.Id == granted.Facts.Id && v.Life.Phase == VmPhase.Leased));
        Assert.NotNull(leased.Vms.Single(v => v.Id == granted.Facts.Id).ConfirmBefore);

        Time.Advance(TimeSpan.FromSeconds(30));

        var pool = await UntilAsync(p => p is { Leased: 0, Warm: 1 });
        Assert.False(Hypervisor.Vms[granted.Facts.Id].Alive);
        Assert.Contains(pool.Events, e => e.Vm == granted.Facts.Id && e.What.Contains("did not act within 30 s"));
    }

    [Fact]
    public async Task Keeps_a_vm_whose_holder_has_resumed_it()
    {
        await StartAsync(Pool(number: 1));
        var granted = await TakeAsync();
        Hypervisor.Vms[granted.Facts.Id].Happen(new VmEvent.Resumed(ByUs: false));
        await UntilAsync(p => p.Vms.Any(v => v.Id == granted.Facts.Id && v.Life.Confirmed));

        Time.Advance(TimeSpan.FromHours(10));

        var pool = await UntilAsync(p => p.Warm == 1);
        Assert.Contains(pool.Vms, v => v.Id == granted.Facts.Id && v.Life is { Phase: VmPhase.Leased, Confirmed: true });
        Assert.Equal(VmOwnership.Confirmed, Hypervisor.Vms[granted.Facts.Id].Marks[^1].Ownership);
    }

    [Fact]
    public async Task Takes_another_when_the_reservation_cannot_be_recorded()
    {
        var failures = 1;
        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step switch
        {
            VmStep.Create => hold.Task.WaitAsync(cancel),
            VmStep.Record when Interlocked.Decrement(ref failures) >= 0 => throw new IOException("No space left on device"),
            _ => Task.CompletedTask,
        };

        var granted = await TakeAsync();
        hold.SetResult();

        Assert.True(Hypervisor.Vms[granted.Facts.Id].Alive);
        var pool = await UntilAsync(p => p is { Warm: 2, Leased: 1 });
        Assert.Contains(pool.Events, e => e.What.Contains("No space left on device"));
    }

    [Fact]
    public async Task Releases_a_leased_vm_and_nothing_else()
    {
        await StartAsync(Pool(number: 1));
        var granted = await TakeAsync();
        var warm = (await UntilAsync(p => p is { Warm: 1, Leased: 1 })).Vms.Single(v => v.Life.Phase == VmPhase.Warm).Id;

        var refused = await Gateway.Ask<VmRefused>(new ReleaseVm(warm), TimeSpan.FromSeconds(20));
        var mistaken = await Gateway.Ask<VmRefused>(new ReleaseVm(warm, LeaseToken.New()), TimeSpan.FromSeconds(20));
        var unknown = await Gateway.Ask<VmRefused>(new ReleaseVm(VmId.New()), TimeSpan.FromSeconds(20));
        // Whoever shows a token claims a lease, and there is none.
        var claimed = await Gateway.Ask<VmRefused>(new ReleaseVm(granted.Facts.Id, LeaseToken.New()), TimeSpan.FromSeconds(20));
        var released = await Gateway.Ask<VmReleased>(new ReleaseVm(granted.Facts.Id), TimeSpan.FromSeconds(20));

        Assert.Equal((RefusalKind.WrongState, RefusalKind.WrongState), (refused.Kind, mistaken.Kind));
        Assert.Equal(RefusalKind.NotFound, unknown.Kind);
        Assert.Equal((RefusalKind.StaleToken, $"VM {granted.Facts.Id} has no lease, and so no token: it is released without one"), (claimed.Kind, claimed.Reason));
        Assert.Equal(granted.Facts.Id, released.Id);
        Assert.False(Hypervisor.Vms[granted.Facts.Id].Alive);
        await UntilAsync(p => p is { Warm: 1, Leased: 0 });
    }

    [Fact]
    public async Task Notices_when_a_leased_vm_ends()
    {
        await StartAsync(Pool(number: 1));
        var granted = await TakeAsync();
        await UntilAsync(p => p.Leased == 1);

        Hypervisor.Vms[granted.Facts.Id].Die("exited with status 0");

        await UntilAsync(p => p is { Leased: 0, Warm: 1 } && p.Vms.Count == 1);
    }

    [Fact]
    public async Task Names_the_known_pools_when_one_is_unknown()
    {
        await StartAsync(Pool(), Pool("gpu"));

        var refused = Assert.IsType<AcquireRefused>(await AskAsync(Acquire("nope")));

        Assert.Equal(RefusalKind.UnknownPool, refused.Kind);
        Assert.Contains("default, gpu", refused.Reason);
    }
}
