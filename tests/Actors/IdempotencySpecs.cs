using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class IdempotencySpecs : NodeFixture
{
    [Theory]
    [InlineData(VmStep.Create)] // it waits in the queue
    [InlineData(VmStep.SaveLease)] // it has a VM, which the pool does not know yet
    [InlineData(VmStep.Prepare)] // it is being prepared
    public async Task Gives_one_vm_to_all_who_ask_with_one_key_while_it_is_on_its_way(VmStep where)
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == where ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var callers = Enumerable.Range(0, 5).Select(_ => AcquireV1(Wish(key: "k"))).ToList();

        foreach (var caller in callers) Gateway.Tell(caller);
        await UntilAsync(p => where == VmStep.Create ? p.Waiting == 1 : p.Vms.Any(v => v.Life.Phase is not (VmPhase.Creating or VmPhase.Booting)));
        hold.SetResult();

        var granted = await AnswersAsync(callers);
        Assert.Single(granted.Select(g => (g.Facts.Id, g.Lease!.Record.Token)).Distinct());
        await UntilAsync(p => p is { Leased: 1, Warm: 0, Warming: 0 } && p.Vms.Count == 1);
    }

    [Fact]
    public async Task Gives_the_same_lease_again_when_it_is_leased()
    {
        await StartAsync(Pool(number: 2));
        var first = await LeaseAsync(Wish(key: "k"));

        var again = await LeaseAsync(Wish(key: "k"));

        Assert.Equal((first.Facts.Id, first.Lease!.Record.Token, first.Lease.ExpiresAt), (again.Facts.Id, again.Lease!.Record.Token, again.Lease.ExpiresAt));
        Assert.NotEqual(first.Facts.Id, (await LeaseAsync(Wish(key: "l"))).Facts.Id);
        Assert.NotEqual(first.Facts.Id, (await LeaseAsync()).Facts.Id);
    }

    [Fact]
    public async Task Refuses_a_key_that_another_request_was_made_with()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var first = AcquireV1(Wish(key: "k"));
        Gateway.Tell(first);
        await UntilAsync(p => p.Waiting == 1);

        var queued = await RefusedAsync(Wish(key: "k", ttl: 77));
        hold.SetResult();
        await AnswersAsync([first]);
        var leased = await RefusedAsync(Wish(key: "k", ttl: 77));

        Assert.All(new[] { queued, leased }, r => Assert.Equal(RefusalKind.Invalid, r.Kind));
        Assert.Contains("this idempotency key was used for another request", leased.Reason);
    }

    [Fact]
    public async Task Keeps_the_vm_for_a_caller_who_left_and_comes_back()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Prepare ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var first = AcquireV1(Wish(key: "k"));
        Gateway.Tell(first);
        var id = (await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Preparing))).Vms[0].Id;

        Leave(first);
        hold.SetResult();
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Leased));

        Assert.Equal(id, (await LeaseAsync(Wish(key: "k"))).Facts.Id);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the second comes before it is known that the first has left
    public async Task Takes_no_second_vm_for_a_key_whose_first_caller_left_while_its_vm_was_on_the_way(bool before)
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        var vm = (IInternalActorRef)await Sys.ActorSelection(Node.Path / "pool-default" / id.Value).ResolveOne(TimeSpan.FromSeconds(20));
        var (first, second) = (AcquireV1(Wish(key: "k")), AcquireV1(Wish(key: "k")));
        // What it is told stays in its mailbox.
        vm.Suspend();
        Gateway.Tell(first);
        await LookAsync();

        if (before) Gateway.Tell(second);
        Leave(first);
        if (!before) Gateway.Tell(second);
        await LookAsync();
        vm.Resume(null);

        await AnswersAsync([second]);
        var pool = await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Life.Phase is VmPhase.Warm or VmPhase.Leased));
        Assert.Single(pool.Vms, v => v.Lease?.IdempotencyKey == "k");
    }

    [Fact]
    public async Task Leaves_a_vm_to_those_who_were_told_of_it_when_another_call_with_its_key_ended()
    {
        await StartAsync(Pool(number: 0));
        var granted = await LeaseAsync(Wish(key: "k"));

        granted.Vm.Tell(new ReturnVm(granted.Facts.Id));

        Assert.IsType<LeaseRenewed>(await AskVmAsync(new RenewLease(granted.Facts.Id, granted.Lease!.Record.Token, null)));
    }

    [Fact]
    public async Task Serves_the_second_caller_when_the_first_is_refused()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var (first, second) = (AcquireV1(Wish(key: "k"), seconds: 5), AcquireV1(Wish(key: "k"), seconds: 100));
        Gateway.Tell(first);
        Gateway.Tell(second);
        await UntilAsync(p => p.Waiting == 1);

        Time.Advance(TimeSpan.FromSeconds(5));

        Assert.IsType<AcquireRefused>(await first.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        await UntilAsync(p => p.Waiting == 1);
        Assert.False(second.Ticket.Settled);
    }

    [Fact]
    public async Task Spends_no_vm_on_callers_who_left_while_another_was_served_for_them()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        var (first, second) = (AcquireV1(Wish(key: "k")), AcquireV1(Wish(key: "k")));
        Gateway.Tell(first);
        Gateway.Tell(second);
        await UntilAsync(p => p.Waiting == 1);

        Leave(second);
        Leave(first);

        await UntilAsync(p => p is { Waiting: 0 });
    }

    [Fact]
    public async Task Takes_one_other_vm_for_all_of_a_key_when_theirs_cannot_be_prepared()
    {
        var failures = 1;
        var hold = new TaskCompletionSource();
        Hypervisor.Script = async (_, step, cancel) =>
        {
            if (step != VmStep.Prepare) return;
            await hold.Task.WaitAsync(cancel);
            if (Interlocked.Decrement(ref failures) >= 0) throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "the agent hangs"));
        };
        await StartAsync(Pool(number: 1));
        var callers = Enumerable.Range(0, 4).Select(_ => AcquireV1(Wish(key: "k", sandbox: "s"))).ToList();
        Gateway.Tell(callers[0]);
        await UntilAsync(p => p.Vms.Any(v => v.Life.Phase == VmPhase.Preparing));
        foreach (var caller in callers.Skip(1)) Gateway.Tell(caller);
        await LookAsync();
        hold.SetResult();

        Assert.Single((await AnswersAsync(callers)).Select(g => g.Facts.Id).Distinct());
        await UntilAsync(p => p is { Leased: 1, Warm: 1 } && p.Vms.Count == 2);
    }

    [Fact]
    public async Task Makes_a_new_lease_of_a_key_when_the_old_one_is_released()
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));
        await AskVmAsync(new ReleaseVm(first.Facts.Id, first.Lease!.Record.Token));

        Assert.NotEqual(first.Facts.Id, (await LeaseAsync(Wish(key: "k", ttl: 30))).Facts.Id);
    }

    [Fact]
    public async Task Finds_the_vm_of_a_key_again_when_its_actor_has_failed()
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));

        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () =>
        {
            first.Vm.Tell(Kill.Instance);
            return Task.CompletedTask;
        });
        var again = await LeaseAsync(Wish(key: "k"));

        Assert.Equal((first.Facts.Id, first.Lease!.Record.Token), (again.Facts.Id, again.Lease!.Record.Token));
    }

    [Fact]
    public async Task Forgets_a_key_when_the_actor_of_its_dead_vm_failed()
    {
        await StartAsync(Pool(number: 1));
        var first = await LeaseAsync(Wish(key: "k"));
        await EventFilter.Exception<ActorKilledException>().ExpectAsync(1, () =>
        {
            first.Vm.Tell(Kill.Instance);
            Machine(first.Facts.Id).Die("was killed");
            return Task.CompletedTask;
        });

        Assert.NotEqual(first.Facts.Id, (await LeaseAsync(Wish(key: "k"))).Facts.Id);
    }

    [Fact]
    public async Task Says_which_keys_mean_vms_or_are_waited_with()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0));
        Gateway.Tell(AcquireV1(Wish(key: "waits")));
        await UntilAsync(p => p.Waiting == 1);
        Assert.Equal(["waits"], (await KeysAsync(null)).Select(k => k.Key));
        Assert.Single(await KeysAsync(new PoolKey(PoolName.Default, "waits")));
        Assert.Empty(await KeysAsync(new PoolKey(PoolName.Default, "other")));
        Assert.Empty(await KeysAsync(new PoolKey(new PoolName("none"), "waits")));
    }

    [Fact]
    public async Task Does_not_say_that_a_key_is_waited_with_when_its_caller_has_been_refused()
    {
        await StartAsync(Pool(number: 0));
        for (var i = 0; i < 200; i++)
        {
            await RefusedAsync(Wish(key: "k", warm: WarmWish.Require));
            Assert.Empty(await KeysAsync(null));
        }
    }

    [Fact]
    public async Task Says_that_a_key_means_a_vm_until_it_ends()
    {
        await StartAsync(Pool(number: 2));
        var leased = await LeaseAsync(Wish(key: "k"));
        await LeaseAsync();
        Assert.Equal([new PoolKey(PoolName.Default, "k")], await KeysAsync(null));

        await AskVmAsync(new ReleaseVm(leased.Facts.Id, leased.Lease!.Record.Token));
        Assert.Empty(await KeysAsync(null));
    }

    private async Task<IReadOnlyList<PoolKey>> KeysAsync(PoolKey? only)
        => (await Gateway.Ask<KeysHeld>(new GetKeys(only), TimeSpan.FromSeconds(20))).Keys;

    private static async Task<List<BaseVmGranted>> AnswersAsync(IReadOnlyList<AcquireBaseVm> callers)
    {
        var answers = await Task.WhenAll(callers.Select(c => c.Ticket.Answer)).WaitAsync(TimeSpan.FromSeconds(20));
        return [.. answers.Select(a => Assert.IsType<BaseVmGranted>(a))];
    }
}
