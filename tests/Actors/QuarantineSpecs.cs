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

    private static FoundVm Astray() => new(VmId.New(), null, null, FoundProcess.Alive, "/run/vm/x is gone")
    {
        Record = FoundRecord.Missing, HasDirectory = false, Running = new ProcessIdentity(77, 5),
    };
}
