using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class LeaseSpecs : NodeFixture
{
    [Fact]
    public async Task Answers_with_token_size_and_timeline_when_the_guest_has_been_prepared()
    {
        await StartAsync(Pool(number: 1));
        var binding = new LateBinding("box", new Dictionary<string, string> { ["A"] = "1" }, [new GuestFile("/etc/a", 0x1a4, new byte[] { 1 })]);

        var granted = await LeaseAsync(Wish(binding: binding, ttl: 90, sandbox: "s1"));

        var machine = Machine(granted.Facts.Id);
        var prepared = Assert.Single(machine.Guest.Preparations);
        Assert.Equal((granted.Facts.Id.Value.Replace("-", ""), "box"), (prepared.Identity.MachineId, prepared.Identity.Hostname));
        Assert.Equal(binding, prepared.Binding);
        Assert.Equal((SandboxOf("s1"), VmCondition.Running), (machine.Sandbox, machine.Condition));
        var lease = granted.Lease!;
        Assert.Equal(machine.Lease, lease.Record);
        Assert.Equal((TimeSpan.FromSeconds(90), "spec"), (lease.Record.Ttl, lease.Record.Labels["app"]));
        Assert.Equal(new VmSize(1, 256), lease.Size);
        Assert.Equal(["assign", "resume", "prepare"], lease.Timeline.Select(t => t.Stage));
        Assert.InRange(lease.ExpiresAt - DateTimeOffset.UtcNow, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(90));
        Assert.NotNull(lease.ConfirmBefore);
        Assert.Equal(
            [VmOwnership.Warm, VmOwnership.Reserved, VmOwnership.Preparing, VmOwnership.Unconfirmed], machine.Marks.Select(m => m.Ownership));
    }

    [Fact]
    public async Task Gives_every_lease_a_token_and_an_identity_of_its_own()
    {
        await StartAsync(Pool(number: 2));
        var (one, two) = (await LeaseAsync(), await LeaseAsync());

        Assert.NotEqual(one.Lease!.Record.Token, two.Lease!.Record.Token);
        Assert.NotEqual(Machine(one.Facts.Id).Guest.Preparations.Single().Identity, Machine(two.Facts.Id).Guest.Preparations.Single().Identity);
    }

    [Fact]
    public async Task Plugs_what_is_missing_before_it_answers()
    {
        await StartAsync(Pool(number: 1, with: Growing));

        var granted = await LeaseAsync(Wish(cpus: 3, memory: 300));

        Assert.Equal(new VmSize(3, 384), granted.Lease!.Size);
        Assert.Equal(3, Machine(granted.Facts.Id).Guest.Online);
        Assert.Equal(["resume", "prepare", "describe", "plug-memory", "plug-cpus", "online"], granted.Lease.Timeline.Select(t => t.Stage));
    }

    [Fact]
    public async Task Takes_another_vm_when_one_cannot_be_prepared()
    {
        var failures = 1;
        Hypervisor.Script = (_, step, _) => step == VmStep.Prepare && Interlocked.Decrement(ref failures) >= 0 ? Broken("the agent hangs") : Task.CompletedTask;
        await StartAsync(Pool(number: 2));
        var warm = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToList();

        var granted = await LeaseAsync(Wish(sandbox: "s1"));

        var other = Assert.Single(warm, id => id != granted.Facts.Id);
        var pool = await UntilAsync(p => p.Vms.All(v => v.Id != other) && p is { Warm: 2, Leased: 1 });
        Assert.False(Hypervisor.Vms[other].Alive);
        Assert.Contains(pool.Events, e => e.Vm == other && e.What.Contains("the agent hangs"));
        Assert.Equal("", pool.Reason);
    }

    [Fact]
    public async Task Refuses_with_the_reason_when_three_vms_could_not_be_prepared()
    {
        Hypervisor.Script = (_, step, _) => step == VmStep.Prepare ? Broken("the agent hangs") : Task.CompletedTask;
        await StartAsync(Pool(number: 1));

        var refused = await RefusedAsync(Wish(key: "k", sandbox: "s1"));

        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("3 VMs could not be prepared", refused.Reason);
        Assert.Contains("the agent hangs", refused.Reason);
        await UntilAsync(p => p is { Warm: 1, Leased: 0 } && p.Vms.Count == 1);
        Assert.Single(Hypervisor.Alive);
    }

    [Fact]
    public async Task Refuses_at_once_when_the_request_itself_is_at_fault()
    {
        var tries = 0;
        Hypervisor.Script = (_, step, _) => step == VmStep.Assign && Interlocked.Increment(ref tries) > 0
            ? throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, "sandbox s1 is another's"))
            : Task.CompletedTask;
        await StartAsync(Pool(number: 2));

        var refused = await RefusedAsync(Wish(sandbox: "s1"));

        Assert.Equal((RefusalKind.Invalid, 1), (refused.Kind, Volatile.Read(ref tries)));
        Assert.Contains("sandbox s1 is another's", refused.Reason);
        await UntilAsync(p => p is { Warm: 2, Leased: 0 });
    }

    [Theory]
    [InlineData(5, 0, 0.0, "5 vCPUs are more than the 4")]
    [InlineData(0, 2048, 0.0, "2048 MiB of memory are more than the 1024")]
    [InlineData(0, 0, 86401.0, "more than the 86400 s")]
    [InlineData(-1, 0, 0.0, "negative")]
    public async Task Refuses_a_wish_that_can_never_be_before_it_takes_a_vm(int cpus, int memory, double ttl, string reason)
    {
        await StartAsync(Pool(number: 1, with: Growing));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        var refused = await RefusedAsync(Wish(cpus, memory, ttl: ttl == 0 ? null : ttl));

        Assert.Equal(RefusalKind.Invalid, refused.Kind);
        Assert.Contains(reason, refused.Reason);
        Assert.Equal(id, Assert.Single((await PoolAsync()).Vms).Id);
        Assert.Equal([VmOwnership.Warm], Machine(id).Marks.Select(m => m.Ownership));
    }

    [Fact]
    public async Task Ends_a_lease_when_its_ttl_is_over_and_no_sooner()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(ttl: 60));
        Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null)));
        Time.Advance(TimeSpan.FromSeconds(50));
        var renewed = Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, TimeSpan.FromSeconds(100))));
        Assert.Equal(TimeSpan.FromSeconds(100), renewed.Ttl);

        Time.Advance(TimeSpan.FromSeconds(99));
        Assert.Equal(1, (await PoolAsync()).Leased);
        Time.Advance(TimeSpan.FromSeconds(1));

        var pool = await UntilAsync(p => p.Vms.Count == 0);
        Assert.False(Hypervisor.Vms[granted.Facts.Id].Alive);
        Assert.Contains(pool.Events, e => e.Vm == granted.Facts.Id && e.What.Contains("its lease expired"));
        Assert.Equal(RefusalKind.NotFound, Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease.Record.Token, null))).Kind);
    }

    [Fact]
    public async Task Records_a_renewal_before_it_answers()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(ttl: 60));
        Clock.Now = Clock.Now with { SinceBoot = Clock.Now.SinceBoot + TimeSpan.FromSeconds(30) };

        await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null));

        var mark = Hypervisor.Vms[granted.Facts.Id].LastMark;
        Assert.Equal((VmOwnership.Confirmed, Clock.Now.SinceBoot + TimeSpan.FromSeconds(60)), (mark.Ownership, mark.Expires!.Value.SinceBoot));
    }

    [Fact]
    public async Task Tells_the_holder_when_a_renewal_could_not_be_recorded()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();
        Hypervisor.Script = (_, step, _) => step == VmStep.Record ? Task.FromException(new IOException("No space left on device")) : Task.CompletedTask;

        var refused = Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null)));

        Assert.Equal(RefusalKind.Unavailable, refused.Kind);
        Assert.Contains("No space left on device", refused.Reason);
    }

    [Fact]
    public async Task Refuses_whoever_does_not_show_the_token()
    {
        await StartAsync(Pool(number: 1));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);
        var warm = (await UntilAsync(p => p is { Warm: 1, Leased: 1 })).Vms.Single(v => v.Id != id).Id;

        foreach (var message in new object[] { new RenewLease(id, LeaseToken.New(), null), new UseGuest(id, LeaseToken.New()), new UseSocket(id, LeaseToken.New(), VmSocket.Qmp), new ReleaseVm(id, LeaseToken.New()), new ReleaseVm(id) })
            Assert.Equal(RefusalKind.StaleToken, Assert.IsType<VmRefused>(await AskVmAsync(message)).Kind);
        Assert.Equal(RefusalKind.WrongState, Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(warm, token, null))).Kind);
        Assert.Equal(RefusalKind.Invalid, Assert.IsType<VmRefused>(await AskVmAsync(new RenewLease(id, token, TimeSpan.FromDays(2)))).Kind);

        Assert.True(Hypervisor.Vms[id].Alive);
        Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(id, token)));
        Assert.False(Hypervisor.Vms[id].Alive);
    }

    [Fact]
    public async Task Ends_a_lease_that_nobody_confirms_in_time()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();

        Time.Advance(granted.Grace);

        var pool = await UntilAsync(p => p.Vms.Count == 0);
        Assert.Contains(pool.Events, e => e.Vm == granted.Facts.Id && e.What.Contains("did not act within 30 s"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Keeps_a_lease_whose_holder_renews_it_or_uses_its_guest(bool renews)
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);

        var answer = await AskVmAsync(renews ? new RenewLease(id, token, null) : new UseGuest(id, token));
        Time.Advance(TimeSpan.FromSeconds(60));

        if (!renews) Assert.Equal("fake", (await Assert.IsType<GuestLent>(answer).Guest.DescribeAsync(default)).AgentVersion);
        var vm = Assert.Single((await PoolAsync()).Vms);
        Assert.Equal((true, null), (vm.Life.Confirmed, vm.ConfirmBefore));
        Assert.Equal(VmOwnership.Confirmed, Hypervisor.Vms[id].LastMark.Ownership);
    }

    [Fact]
    public async Task Keeps_its_hands_off_an_agent_that_the_holder_asked_for()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(holdsAgent: true));

        var refused = Assert.IsType<VmRefused>(await AskVmAsync(new UseGuest(granted.Facts.Id, granted.Lease!.Record.Token)));

        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.False(Machine(granted.Facts.Id).Guest.IsOpen);
    }

    [Fact]
    public async Task Lends_a_socket_to_its_holder_who_has_thereby_acted()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync();
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);

        var console = Assert.IsType<SocketLent>(await AskVmAsync(new UseSocket(id, token, VmSocket.Console)));
        Time.Advance(granted.Grace);

        Assert.Equal(granted.Facts.Paths.Console, console.Address);
        Assert.Equal(granted.Facts.Paths.Qmp, Assert.IsType<SocketLent>(await AskVmAsync(new UseSocket(id, token, VmSocket.Qmp))).Address);
        Assert.True(Assert.Single((await PoolAsync()).Vms).Life.Confirmed);
        Assert.Equal(VmOwnership.Confirmed, Hypervisor.Vms[id].LastMark.Ownership);
        Assert.False(console.Over.IsCompleted);
    }

    [Fact]
    public async Task Lends_the_agents_channel_only_to_who_asked_for_it()
    {
        await StartAsync(Pool(number: 0));
        var (ours, theirs) = (await LeaseAsync(), await LeaseAsync(Wish(holdsAgent: true)));

        var refused = Assert.IsType<VmRefused>(await AskVmAsync(new UseSocket(ours.Facts.Id, ours.Lease!.Record.Token, VmSocket.Agent)));
        var lent = Assert.IsType<SocketLent>(await AskVmAsync(new UseSocket(theirs.Facts.Id, theirs.Lease!.Record.Token, VmSocket.Agent)));

        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.Contains("client_holds_agent", refused.Reason);
        Assert.Equal(theirs.Facts.Paths.Agent, lent.Address);
    }

    [Theory]
    [InlineData("released", "it was released")]
    [InlineData("expired", "its lease expired")]
    [InlineData("died", "SIGKILL")]
    public async Task Tells_who_is_on_a_socket_when_the_vm_ends(string how, string why)
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(ttl: 60));
        var (id, token) = (granted.Facts.Id, granted.Lease!.Record.Token);
        var lent = Assert.IsType<SocketLent>(await AskVmAsync(new UseSocket(id, token, VmSocket.Qmp)));

        if (how == "released") Gateway.Tell(new ReleaseVm(id, token), Akka.Actor.ActorRefs.NoSender);
        else if (how == "expired") Time.Advance(TimeSpan.FromSeconds(60));
        else Machine(id).Die("was killed by signal 9 (SIGKILL)");

        var over = await lent.Over.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(RefusalKind.NotFound, over.Kind);
        Assert.Contains(why, over.Reason);
    }

    [Fact]
    public async Task Makes_a_vm_of_its_own_for_who_wants_no_warm_one()
    {
        await StartAsync(Pool(number: 1));
        var warm = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        var granted = await LeaseAsync(Wish(warm: WarmWish.Never));

        Assert.Equal(Served.OnDemand, granted.Served);
        Assert.NotEqual(warm, granted.Facts.Id);
        await UntilAsync(p => p is { Warm: 1, Leased: 1 } && p.Vms.Any(v => v.Id == warm && v.Life.Phase == VmPhase.Warm));
    }

    [Fact]
    public async Task Refuses_at_once_when_a_warm_vm_is_required_and_there_is_none()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warming == 1);

        var refused = await RefusedAsync(Wish(warm: WarmWish.Require));

        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("no VM is warm: 1 being made", refused.Reason);
    }

    [Fact]
    public async Task Gives_a_warm_vm_to_who_requires_one()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);

        Assert.Equal(Served.Warm, (await LeaseAsync(Wish(warm: WarmWish.Require))).Served);
    }

    [Fact]
    public async Task Refuses_a_sandbox_that_has_a_vm_already_and_names_that()
    {
        await StartAsync(Pool(number: 2));
        var granted = await LeaseAsync(Wish(sandbox: "s1"));

        var refused = await RefusedAsync(Wish(sandbox: "s1"));

        Assert.Equal(RefusalKind.WrongState, refused.Kind);
        Assert.Contains(granted.Facts.Id.Value, refused.Reason);
        Assert.IsType<VmReleased>(await AskVmAsync(new ReleaseVm(granted.Facts.Id, granted.Lease!.Record.Token)));
        await LeaseAsync(Wish(sandbox: "s1"));
    }

    [Fact]
    public async Task Waits_for_the_end_of_a_vm_whose_sandbox_is_wanted_again()
    {
        var hold = new TaskCompletionSource();
        await StartAsync(Pool(number: 2));
        var granted = await LeaseAsync(Wish(sandbox: "s1", ttl: 20));
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Stop ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        Time.Advance(TimeSpan.FromSeconds(20));
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Stopping));

        var again = AcquireV1(Wish(sandbox: "s1"));
        Gateway.Tell(again, Akka.Actor.ActorRefs.NoSender);
        Assert.False(again.Ticket.Settled);
        hold.SetResult();

        Assert.IsType<BaseVmGranted>(await again.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.False(Hypervisor.Vms[granted.Facts.Id].Alive);
    }

    [Fact]
    public async Task Ends_a_vm_whose_call_was_gone_when_it_was_prepared()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Prepare ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var acquire = AcquireV1();
        Gateway.Tell(acquire, Akka.Actor.ActorRefs.NoSender);
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Preparing));

        Leave(acquire);
        hold.SetResult();

        var pool = await UntilAsync(p => p.Vms.Count == 0);
        Assert.Contains(pool.Events, e => e.What.Contains("its caller left"));
    }

    private static Task Broken(string why) => throw new VmFailedException(new VmFailure(VmFailureKind.Agent, why));
}
