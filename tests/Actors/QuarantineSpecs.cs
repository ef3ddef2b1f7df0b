using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>What a daemon finds and cannot know whose it is, and looks that fail.</summary>
public class QuarantineSpecs : NodeFixture
{
    [Fact]
    public async Task Shows_what_it_leaves_alone_and_ends_it_when_an_operator_says_so()
    {
        var astray = Astray();
        Hypervisor.Found.Add(astray);
        await StartAsync(Pool(number: 1));

        var shown = Assert.Single((await UntilAsync(LookAsync, n => n.Quarantined.Count == 1)).Quarantined);

        Assert.Equal((astray.Id, null, astray.Running), (shown.Id, shown.Pool, shown.Process));
        Assert.Contains("its directory is gone", shown.Reason);
        var refused = Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(astray.Id, LeaseToken.New(), null)));
        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.Contains($"vmcache node reap {astray.Id}", refused.Reason);
        Assert.IsType<VmReaped>(await AskVmAsync(new ReapVm(astray.Id)));
        Assert.Same(astray, Assert.Single(Hypervisor.Ended));
        Assert.Empty((await LookAsync()).Quarantined);
        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await AskVmAsync(new ReapVm(astray.Id))).Kind);
        Assert.Empty(Hypervisor.Reaped);
    }

    [Fact]
    public async Task Keeps_what_could_not_be_ended_and_says_why()
    {
        var astray = Astray();
        Hypervisor.Found.Add(astray);
        Hypervisor.Ending = _ => throw new VmFailedException(new VmFailure(VmFailureKind.Host, "it hangs in the kernel"));
        await StartAsync(Pool(number: 0));

        var refused = Assert.IsType<VmRefused>(await AskVmAsync(new ReapVm(astray.Id)));

        Assert.Contains("it hangs in the kernel", refused.Reason);
        Assert.Single((await LookAsync()).Quarantined);
        Hypervisor.Ending = _ => Task.CompletedTask;
        Assert.IsType<VmReaped>(await AskVmAsync(new ReapVm(astray.Id)));
    }

    [Fact]
    public async Task Ends_by_that_no_vm_that_a_pool_has()
    {
        await StartAsync(Pool(number: 1));
        var warm = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await AskVmAsync(new ReapVm(warm))).Kind);

        Assert.True(Machine(warm).Alive);
    }

    [Fact]
    public async Task Makes_and_gives_no_vm_while_it_cannot_look_and_tries_again()
    {
        await StartAsync(Pool(number: 1));
        var leased = await LeaseAsync();
        var warm = (await UntilAsync(p => p is { Warm: 1, Leased: 1 })).Vms.Single(v => v.Life.Phase == VmPhase.Warm).Id;
        await KillAsync();
        var looks = 0;
        Hypervisor.Finding = () => Interlocked.Increment(ref looks) <= 2
            ? throw new VmFailedException(new VmFailure(VmFailureKind.Host, "Too many open files"))
            : Task.CompletedTask;
        // The caller is to have the one that is found.
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));

        var node = await UntilAsync(LookAsync, n => n.Trouble is not null);
        Assert.True(node.Starting);
        Assert.Contains("Too many open files", node.Trouble);
        var acquire = Acquire();
        Gateway.Tell(acquire);
        var renewing = AskVmAsync(new RenewLease(leased.Facts.Id, leased.Lease!.Record.Token, null));
        Assert.Equal(2, Hypervisor.Alive.Count());
        Assert.False(acquire.Ticket.Answer.IsCompleted);
        await AwaitAssertAsync(() =>
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(Volatile.Read(ref looks) >= 3);
        }, TimeSpan.FromSeconds(20));

        Assert.Equal(warm, Assert.IsType<BaseVmGranted>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Facts.Id);
        Assert.IsType<LeaseRenewed>(await renewing);
        Assert.Null((await LookAsync()).Trouble);
    }

    [Fact]
    public async Task Stops_while_it_cannot_look()
    {
        Hypervisor.Finding = () => throw new VmFailedException(new VmFailure(VmFailureKind.Host, "Too many open files"));
        await StartAsync(Pool(number: 1));
        await UntilAsync(LookAsync, n => n.Trouble is not null);

        await TerminateAsync();

        Assert.Empty(Hypervisor.Alive);
    }

    [Fact]
    public async Task Looks_every_few_seconds_whether_a_vm_is_still_on_record()
    {
        await StartAsync(Pool(number: 0));
        var machine = Machine((await TakeAsync()).Facts.Id);
        var looks = 0;
        machine.KeepRecordAsync = () =>
        {
            Interlocked.Increment(ref looks);
            return looks % 2 == 0 ? Task.FromResult<string?>("its state was gone") : throw new VmFailedException(new VmFailure(VmFailureKind.Host, "no space"));
        };

        await AwaitAssertAsync(() =>
        {
            Time.Advance(TimeSpan.FromSeconds(5));
            Assert.True(Volatile.Read(ref looks) >= 4);
        }, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Takes_a_use_again_once_it_can_be_recorded()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);
        var full = true;
        Hypervisor.Script = (_, step, _) => full && step == VmStep.Record
            ? throw new VmFailedException(new VmFailure(VmFailureKind.Host, "no space left"))
            : Task.CompletedTask;
        Assert.Contains("no space left", Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(id, token, null))).Reason);
        Assert.Equal(RefusalKind.Unavailable, Assert.IsType<VmRefused>(await AskVmAsync(new UseGuest(id, token))).Kind);

        full = false;

        Assert.IsType<GuestLent>(await AskVmAsync(new UseGuest(id, token)));
        Assert.Equal(VmOwnership.Confirmed, Machine(id).LastMark.Ownership);
    }

    /// <summary>Whose record cannot be read is known by what the pool had.</summary>
    [Fact]
    public async Task Quarantines_what_a_pool_that_failed_had_when_its_record_cannot_be_read()
    {
        await StartAsync(Pool(number: 0), Pool("other", number: 0));
        var (mine, others) = (await LeaseAsync(Wish(key: "k", sandbox: "s")), await LeaseOtherAsync());
        Machine(mine.Facts.Id).SpoilRecord();
        Machine(others.Facts.Id).SpoilRecord();
        var nobodys = Astray();
        lock (Hypervisor.Found) Hypervisor.Found.Add(nobodys);

        await FailAsync("pool-default");

        var left = Assert.Single((await UntilAsync(LookAsync, n => n.Quarantined.Count > 0)).Quarantined);
        Assert.Equal((mine.Facts.Id, mine.Facts.Process), (left.Id, left.Process));
        var refused = await RefusedAsync(Wish(key: "k", sandbox: "s"));
        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.Contains($"`vmcache node reap {mine.Facts.Id}`", refused.Reason);
        Assert.Equal(RefusalKind.WrongState, Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(mine.Facts.Id, mine.Lease!.Record.Token, null))).Kind);
        Assert.Equal(RefusalKind.WrongState, Assert.IsType<VmRefused>(await AskVmAsync(new ReleaseVm(mine.Facts.Id, mine.Lease.Record.Token))).Kind);
        // Its pool knows whose it is.
        Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(others.Facts.Id, others.Lease!.Record.Token, null)));
        Assert.Empty(Hypervisor.Reaped);
        Assert.True(Machine(mine.Facts.Id).Alive);
    }

    [Fact]
    public async Task Quarantines_it_also_when_the_pool_fails_again_before_it_has_looked()
    {
        await StartAsync(Pool(number: 0));
        var mine = await LeaseAsync(Wish(key: "k"));
        Machine(mine.Facts.Id).SpoilRecord();
        var looking = new TaskCompletionSource();
        Hypervisor.Finding = () => looking.Task;
        await FailAsync("pool-default");
        Hypervisor.Finding = () => Task.CompletedTask;

        await FailAsync("pool-default");

        await UntilAsync(LookAsync, n => n.Quarantined.Count == 1);
        looking.SetResult();
        Assert.Equal(RefusalKind.WrongState, (await RefusedAsync(Wish(key: "k"))).Kind);
        Assert.Empty(Hypervisor.Reaped);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // all that is known of it is its lease
    public async Task Gives_no_second_vm_for_a_key_whose_vm_is_quarantined(bool bare)
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k", sandbox: "s"));
        await KillAsync();
        if (bare) Machine(first.Facts.Id).SpoilRecord();
        else Machine(first.Facts.Id).Spoiled = found => found with { Reachable = false };
        await StartAsync(Pool(number: 1));

        var refused = await RefusedAsync(Wish(key: "k"));

        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.Contains($"VM {first.Facts.Id} is quarantined", refused.Reason);
        Assert.Contains($"`vmcache node reap {first.Facts.Id}`", refused.Reason);
        Assert.Contains($"sandbox s has a VM, and VM {first.Facts.Id} is quarantined", (await RefusedAsync(Wish(sandbox: "s"))).Reason);
        var key = new PoolKey(PoolName.Default, "k");
        Assert.Equal([key], (await Gateway.Ask<KeysHeld>(new GetKeys(key), TimeSpan.FromSeconds(20))).Keys);
        Assert.Contains(key, (await Gateway.Ask<KeysHeld>(new GetKeys(null), TimeSpan.FromSeconds(20))).Keys);
        await LeaseAsync(Wish(key: "l"));
        await AskVmAsync(new ReapVm(first.Facts.Id));
        Assert.NotEqual(first.Facts.Id, (await LeaseAsync(Wish(key: "k", sandbox: "s"))).Facts.Id);
    }

    /// <summary>What was never granted, and what does not run any more, holds no key.</summary>
    [Theory]
    [InlineData(false, VmOwnership.Warm)]
    [InlineData(true, VmOwnership.Confirmed)]
    public async Task Gives_a_vm_for_a_key_that_nobody_can_hold(bool gone, VmOwnership ownership)
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));
        await KillAsync();
        Machine(first.Facts.Id).Spoiled = found => found with
        {
            Facts = null, Record = FoundRecord.Unreadable, Running = gone ? null : found.Running,
            Mark = found.Mark! with { Ownership = ownership, Path = gone ? HandOutPath.V1 : HandOutPath.None },
        };
        await StartAsync(Pool(number: 1));
        await UntilAsync(LookAsync, n => n.Quarantined.Count == 1);

        Assert.NotEqual(first.Facts.Id, (await LeaseAsync(Wish(key: "k"))).Facts.Id);
    }

    /// <summary>Its actor fails while its caller comes again: the pool has it quarantined, and serves nobody anew.</summary>
    [Fact]
    public async Task Gives_no_second_vm_for_a_key_whose_vm_is_quarantined_while_the_daemon_runs()
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));
        Machine(first.Facts.Id).SpoilRecord();
        var looking = new TaskCompletionSource();
        Hypervisor.Finding = () => looking.Task;
        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () => { first.Vm.Tell(Kill.Instance); return Task.CompletedTask; });
        var again = AcquireV1(Wish(key: "k"));
        Gateway.Tell(again);
        var releasing = AskVmAsync(new ReleaseVm(first.Facts.Id, first.Lease!.Record.Token));
        await LookAsync();

        looking.SetResult();

        Assert.Equal(RefusalKind.WrongState, Assert.IsType<AcquireRefused>(await again.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20))).Kind);
        Assert.IsType<VmRefused>(await releasing);
        Assert.True(Machine(first.Facts.Id).Alive);
    }

    private async Task FailAsync(string pool)
    {
        var actor = await Sys.ActorSelection(Node.Path / pool).ResolveOne(TimeSpan.FromSeconds(20));
        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () => { actor.Tell(Kill.Instance); return Task.CompletedTask; });
    }

    private async Task<BaseVmGranted> LeaseOtherAsync()
        => Assert.IsType<BaseVmGranted>(await AskAsync(AcquireV1(Wish()) with { Pool = new PoolName("other") }));

    private static FoundVm Astray() => new(VmId.New(), null, null, FoundProcess.Alive, "/run/vm/x is gone")
    {
        Record = FoundRecord.Missing, HasDirectory = false, Running = new ProcessIdentity(77, 5),
    };
}
