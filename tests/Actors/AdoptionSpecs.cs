using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>A second daemon over the VMs of a first one.</summary>
public class AdoptionSpecs : NodeFixture
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Has_warm_vms_warm_again_and_hands_them_out(bool crashes)
    {
        await StartAsync(Pool(number: 3));
        var warm = (await UntilAsync(p => p.Warm == 3)).Vms.Select(v => v.Id).ToHashSet();
        Pass(TimeSpan.FromMinutes(10));
        if (crashes) await KillAsync();
        else await TerminateAsync();

        await StartAsync(Pool(number: 3));

        var again = await UntilAsync(p => p is { Warm: 3, Warming: 0 });
        Assert.Equal(warm, again.Vms.Select(v => v.Id).ToHashSet());
        Assert.Equal("", again.Reason);
        var granted = await TakeAsync();
        Assert.Contains(granted.Facts.Id, warm);
        // It is not as old for its holder as it is for the pool.
        Time.Advance(granted.Grace - TimeSpan.FromSeconds(1));
        var vm = (await PoolAsync()).Vms.Single(v => v.Id == granted.Facts.Id);
        Assert.Equal(VmPhase.Leased, vm.Life.Phase);
        Time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(p => p.Vms.All(v => v.Id != granted.Facts.Id));
    }

    [Fact]
    public async Task Hands_warm_vms_of_before_to_callers_of_v1_too()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await CrashAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);

        var granted = await LeaseAsync(Wish(warm: WarmWish.Require));

        Assert.Equal(id, granted.Facts.Id);
        Assert.Single(Machine(id).Guest.Preparations);
    }

    [Fact]
    public async Task Keeps_the_token_and_the_expiry_of_a_lease()
    {
        await StartAsync(Pool(number: 1));
        var before = await LeaseAsync(Wish(ttl: 100, key: "k", sandbox: "s1"));
        var (id, token) = (before.Facts.Id, before.Lease!.Record.Token);
        await AskVmAsync(new RenewLease(id, token, null));
        Pass(TimeSpan.FromSeconds(40));

        await CrashAsync(Pool(number: 1));

        var vm = (await UntilAsync(p => p is { Leased: 1, Warm: 1 })).Vms.Single(v => v.Id == id);
        Assert.True(vm.Life.Confirmed);
        Assert.Equal(before.Lease.Record, vm.Lease);
        Assert.Equal(before.Lease.Record.Token, (await LeaseAsync(Wish(ttl: 100, key: "k", sandbox: "s1"))).Lease!.Record.Token);
        Assert.Equal(RefusalKind.WrongState, (await RefusedAsync(Wish(sandbox: "s1"))).Kind);
        Assert.Equal(RefusalKind.StaleToken, Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(id, LeaseToken.New(), null))).Kind);
        Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Contains((await PoolAsync()).Vms, v => v.Id == id && v.Life.Phase == VmPhase.Leased);
        Time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(p => p.Vms.All(v => v.Id != id));
    }

    [Fact]
    public async Task Goes_on_with_a_lease_as_its_holder_left_it()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);
        Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token)));
        await CrashAsync(Pool(number: 0));

        var lent = Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token)));
        Assert.Same(lent.Guest, Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token))).Guest);

        await lent.Guest.DescribeAsync(default);
        Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(id, token, null)));
        Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(id, token)));
    }

    [Fact]
    public async Task Renews_a_lease_that_was_granted_for_longer_than_is_granted_now()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(ttl: 600));
        await CrashAsync(Pool(number: 0, with: p => p with { Lease = new LeaseLimits(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(120)) }));

        var renewed = Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null)));

        Assert.Equal(TimeSpan.FromSeconds(120), renewed.Ttl);
    }

    [Theory]
    [InlineData(VmStep.Record, 1)] // reserved is on disk
    [InlineData(VmStep.Assign, 1)]
    [InlineData(VmStep.Record, 2)] // preparing is on disk
    [InlineData(VmStep.Prepare, 1)]
    public async Task Finds_an_interrupted_vm_by_its_key_and_for_nobody_else(VmStep where, int time)
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        var reached = await StopAtAsync(where, time, AcquireV1(Wish(key: "k", sandbox: "s1", holdsAgent: true)));
        Assert.True(reached);
        await CrashAsync(Pool(number: 0));

        var held = (await UntilAsync(p => p.Leased == 1)).Vms.Single(v => v.Id == id);
        Assert.Equal((VmPhase.Reserved, true), (held.Life.Phase, held.Life.Interrupted));
        Assert.NotEqual(id, (await LeaseAsync(Wish(key: "l"))).Facts.Id);
        Assert.NotEqual(id, (await TakeAsync()).Facts.Id);
        var granted = await LeaseAsync(Wish(key: "k", sandbox: "s1", holdsAgent: true));

        Assert.Equal(id, granted.Facts.Id);
        Assert.Equal(Machine(id).Lease, granted.Lease!.Record);
        Assert.Equal(SandboxOf("s1"), Machine(id).Sandbox);
        Assert.False(Machine(id).Guest.IsOpen);
        // The channel is the holder's, as it asked.
        Assert.Equal(RefusalKind.WrongState, Assert.IsType<VmRefused>(await AskVmAsync(new UseGuest(id, granted.Lease.Record.Token))).Kind);
    }

    [Fact]
    public async Task Ends_an_interrupted_vm_when_its_caller_does_not_come_back_in_what_is_left_of_the_grace_period()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await StopAtAsync(VmStep.Prepare, 1, AcquireV1(Wish(key: "k")));
        await KillAsync();
        Pass(TimeSpan.FromSeconds(20));
        await StartAsync(Pool(number: 0));
        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.ConfirmBefore is not null));

        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Single((await PoolAsync()).Vms);
        Time.Advance(TimeSpan.FromSeconds(1));

        await UntilAsync(p => p.Vms.Count == 0);
        Assert.False(Hypervisor.Vms.TryGetValue(id, out var vm) && vm.Alive);
    }

    [Fact]
    public async Task Takes_a_lease_for_nobodys_when_its_vm_was_never_reserved()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        // lease.json is there, and the mark says: warm.
        await StopAtAsync(VmStep.SaveLease, 1, AcquireV1(Wish(key: "k", sandbox: "s1")), after: true);
        Assert.NotNull(Machine(id).Lease);
        // The pool may have been refilled before it crashed: of two warm VMs, a pool of one would end one, and it could be this.
        await CrashAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);

        var granted = await TakeAsync();
        if (granted.Facts.Id != id) granted = await TakeAsync();

        Assert.Equal(id, granted.Facts.Id);
        Assert.Null(granted.Lease);
        await CrashAsync(Pool(number: 1));
        Assert.Null((await UntilAsync(p => p.Leased > 0 && p.Warm == 1 && p.Vms.Any(v => v.Id == id))).Vms.Single(v => v.Id == id).Lease);
        Assert.NotEqual(id, (await LeaseAsync(Wish(key: "k", sandbox: "s1"))).Facts.Id);
    }

    [Theory]
    [InlineData(false)] // by a RESUME that is seen
    [InlineData(true)] // by guest CPU time, while nobody watched
    public async Task Confirms_a_vm_that_katas_client_runs(bool meanwhile)
    {
        await StartAsync(Pool(number: 0));
        var id = (await TakeAsync()).Facts.Id;
        await KillAsync();
        if (meanwhile) Run(id);
        await StartAsync(Pool(number: 0));
        if (!meanwhile)
        {
            Assert.False((await UntilAsync(p => p.Vms.Any(v => v.ConfirmBefore is not null))).Vms[0].Life.Confirmed);
            Machine(id).RunByClient();
        }

        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.Life is { Phase: VmPhase.Leased, Confirmed: true }));
        await UntilAsync(() => Task.FromResult(Hypervisor.Vms[id].LastMark), m => m.Ownership == VmOwnership.Confirmed);
        Time.Advance(TimeSpan.FromHours(1));
        Assert.Single((await PoolAsync()).Vms);
    }

    [Fact]
    public async Task Ends_a_warm_vm_that_somebody_ran_meanwhile_and_does_not_blame_its_boots()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await KillAsync();
        Run(id);

        await StartAsync(Pool(number: 1));

        // No time passes: it is replaced at once.
        var pool = await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != id));
        Assert.Contains(pool.Events, e => e.Vm == id && e.What.Contains("somebody ran it while no daemon watched"));
        Assert.DoesNotContain(pool.Events, e => e.What.Contains("could not be made"));
        Assert.Single(Hypervisor.Alive);
    }

    [Fact]
    public async Task Ends_a_warm_vm_whose_monitor_somebody_else_holds()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await KillAsync();
        Hypervisor.Attaching = _ => throw new VmFailedException(new VmFailure(VmFailureKind.Monitor, "its monitor is taken by another client"));

        await StartAsync(Pool(number: 1));

        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != id));
        Assert.Contains(id, Hypervisor.Reaped);
    }

    [Fact]
    public async Task Ends_what_its_pool_makes_no_more()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        await CrashAsync(Pool(number: 1, with: p => p with { Spec = p.Spec with { MemoryMiB = 512, MaxMemoryMiB = 512 } }));

        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != id));
        Assert.Equal([id], Hypervisor.Reaped);
    }

    [Fact]
    public async Task Leaves_alone_what_it_cannot_know_and_says_so()
    {
        var id = VmId.New();
        Hypervisor.Found.Add(new FoundVm(id, null, null, FoundProcess.Alive, "vm.json is of version 9"));

        await StartAsync(Pool(number: 1));

        var pool = await UntilAsync(p => p.Warm == 1);
        Assert.Contains(pool.Events, e => e.Vm == id && e.What.Contains("left alone: vm.json is of version 9"));
        Assert.Empty(Hypervisor.Reaped);
    }

    [Fact]
    public async Task Goes_on_with_a_vm_that_was_being_saved()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await KillAsync();
        Machine(id).Condition = VmCondition.Saving;

        await StartAsync(Pool(number: 1));

        await UntilAsync(p => p.Warm == 1);
        Assert.Equal(VmCondition.Paused, Machine(id).Condition);
        Assert.Equal(id, (await TakeAsync()).Facts.Id);
    }

    [Fact]
    public async Task Lets_callers_and_holders_wait_while_it_adopts()
    {
        await StartAsync(Pool(number: 1));
        var leased = await LeaseAsync(Wish(ttl: 600));
        var warm = (await UntilAsync(p => p is { Warm: 1, Leased: 1 })).Vms.Single(v => v.Life.Phase == VmPhase.Warm).Id;
        await KillAsync();
        var hold = new TaskCompletionSource();
        Hypervisor.Attaching = _ => hold.Task;
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));

        var acquire = Acquire();
        Gateway.Tell(acquire);
        var renewing = AskVmAsync(new RenewLease(leased.Facts.Id, leased.Lease!.Record.Token, null));
        var pool = await UntilAsync(p => p.Waiting == 1);
        Assert.Equal((1, 0), (pool.Leased, pool.Warm));
        Assert.False(renewing.IsCompleted);
        hold.SetResult();

        Assert.Equal(warm, Assert.IsType<BaseVmGranted>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Facts.Id);
        Assert.IsType<LeaseRenewed>(await renewing);
    }

    [Fact]
    public async Task Tells_no_holder_that_its_vm_is_gone_before_it_has_looked()
    {
        await StartAsync(Pool(number: 0));
        var leased = await LeaseAsync();
        await KillAsync();
        var looking = new TaskCompletionSource();
        Hypervisor.Finding = () => looking.Task;
        await StartAsync(Pool(number: 0));

        var renewing = AskVmAsync(new RenewLease(leased.Facts.Id, leased.Lease!.Record.Token, null));
        var unknown = AskVmAsync(new GetVm(VmId.New()));
        Assert.True((await LookAsync()).Starting);
        looking.SetResult();

        Assert.IsType<LeaseRenewed>(await renewing);
        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await unknown).Kind);
    }

    [Fact]
    public async Task Keeps_adopted_vms_from_who_wants_one_made_for_it()
    {
        await StartAsync(Pool(number: 1));
        var warm = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await KillAsync();
        var hold = new TaskCompletionSource();
        Hypervisor.Attaching = _ => hold.Task;
        await StartAsync(Pool(number: 1));
        var acquire = AcquireV1(Wish(warm: WarmWish.Never));
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Waiting == 1 || p.Leased == 1);
        hold.SetResult();

        Assert.NotEqual(warm, Assert.IsType<BaseVmGranted>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Facts.Id);
    }

    [Fact]
    public async Task Counts_the_age_of_a_warm_vm_from_before()
    {
        PoolOptions Aging(PoolOptions p) => p with { MaxAge = TimeSpan.FromHours(1) };
        await StartAsync(Pool(number: 1, with: Aging));
        var old = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        await KillAsync();
        Pass(TimeSpan.FromMinutes(50));
        await StartAsync(Pool(number: 1, with: Aging));
        await UntilAsync(p => p.Warm == 1);

        Time.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(old, Assert.Single((await PoolAsync()).Vms).Id);
        Time.Advance(TimeSpan.FromMinutes(1));

        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != old));
    }

    [Fact]
    public async Task Forgets_a_key_whose_vm_died_while_it_was_taken_over()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(key: "k"));
        await KillAsync();
        Hypervisor.Attaching = _ => throw new VmFailedException(new VmFailure(VmFailureKind.Exited, "process 77 is gone"));
        await StartAsync(Pool(number: 0));
        await UntilAsync(p => p.Vms.Count == 0 && p.Leased == 0);

        Assert.NotEqual(granted.Facts.Id, (await LeaseAsync(Wish(key: "k"))).Facts.Id);
    }

    /// <summary>Over its client's monitor, with nobody watching.</summary>
    private void Run(VmId id)
    {
        Machine(id).RunByClient();
        Machine(id).PauseByClient();
    }

    /// <summary>Time passes for the host, in which the daemon's timers have nothing to do.</summary>
    private void Pass(TimeSpan time) => Clock.Now = Clock.Now with { SinceBoot = Clock.Now.SinceBoot + time };

    /// <summary>Asks, and holds what is done for the caller at one step for ever.</summary>
    private async Task<bool> StopAtAsync(VmStep where, int time, AcquireBaseVm caller, bool after = false)
    {
        var reached = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = 0;
        Task HoldAsync(VmSpec spec, VmStep step, CancellationToken cancel)
        {
            // What it makes in the place of the one it takes is not to be counted.
            if (step == VmStep.Create) return Never(cancel);
            if (step != where || Interlocked.Increment(ref seen) != time) return Task.CompletedTask;
            reached.SetResult(true);
            return Never(cancel);
        }

        if (after || where == VmStep.Record) Hypervisor.Afterwards = HoldAsync;
        else Hypervisor.Script = HoldAsync;
        Gateway.Tell(caller);
        var done = await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Hypervisor.Afterwards = Hypervisor.Script = (_, _, _) => Task.CompletedTask;
        return done;
    }
}
