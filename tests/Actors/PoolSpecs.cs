using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

public class PoolSpecs : NodeFixture
{
    [Fact]
    public async Task Warms_to_target_at_start()
    {
        await StartAsync(Pool(number: 3));

        var pool = await UntilAsync(p => p is { Warm: 3, Warming: 0 });

        Assert.Equal("", pool.Reason);
        Assert.All(pool.Vms, vm => Assert.Equal(VmOwnership.Warm, Hypervisor.Vms[vm.Id].Marks[^1].Ownership));
    }

    [Fact]
    public async Task Counts_callers_for_whom_a_vm_was_warm_and_those_for_whom_none_was()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        await TakeAsync();
        await UntilAsync(p => p.Warm == 1);
        await LeaseAsync();
        Assert.Equal(2, (await UntilAsync(p => p.Warm == 1)).Callers);

        await AskVmAsync(new CordonNode(true));
        await TakeAsync();
        await RefusedAsync(Wish(warm: WarmWish.Require));
        await TakeAsync();

        Assert.Equal(5, (await PoolAsync()).Callers);
    }

    [Fact]
    public async Task Makes_no_more_at_once_than_the_host_allows()
    {
        await StartAsync(parallelism: 2, Pool(number: 6), Pool("other", 6));

        await UntilAsync(p => p.Warm == 6);
        await UntilAsync(p => p.Warm == 6, "other");

        Assert.InRange(Hypervisor.MostAtOnce, 1, 2);
    }

    [Fact]
    public async Task Refills_to_target_when_a_vm_is_acquired()
    {
        await StartAsync(Pool());
        await UntilAsync(p => p.Warm == 2);

        var granted = await TakeAsync();

        var pool = await UntilAsync(p => p is { Warm: 2, Leased: 1 });
        Assert.Equal(Served.Warm, granted.Served);
        Assert.DoesNotContain(pool.Vms, v => v.Id == granted.Facts.Id && v.Life.Phase == VmPhase.Warm);
        Assert.Equal(
            [VmOwnership.Warm, VmOwnership.Reserved],
            Hypervisor.Vms[granted.Facts.Id].Marks.Select(m => m.Ownership));
    }

    [Fact]
    public async Task Hands_every_vm_out_once_when_many_ask_at_once()
    {
        await StartAsync(Pool(number: 4));

        var taken = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => TakeAsync()));

        Assert.Equal(200, taken.Select(t => t.Facts.Id).Distinct().Count());
        await UntilAsync(p => p is { Warm: 4, Leased: 200, Waiting: 0 });
    }

    [Fact]
    public async Task Makes_a_vm_on_demand_when_the_pool_is_empty()
    {
        await StartAsync(Pool(number: 0));

        var granted = await TakeAsync();

        Assert.Equal(Served.OnDemand, granted.Served);
        await UntilAsync(p => p is { Warm: 0, Leased: 1, Warming: 0 });
    }

    [Fact]
    public async Task Serves_callers_in_the_order_they_came()
    {
        var hold = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(parallelism: 1, Pool(number: 0));

        var callers = Enumerable.Range(0, 5).Select(_ => Acquire()).ToList();
        foreach (var caller in callers) Gateway.Tell(caller);
        await UntilAsync(p => p.Waiting == 5);
        hold.SetResult();

        foreach (var caller in callers)
        {
            await caller.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20));
            // One VM is made at a time: those behind may only have been served after this one.
            Assert.All(callers.TakeWhile(c => c != caller), before => Assert.True(before.Ticket.Settled));
        }

        var served = await Task.WhenAll(callers.Select(c => c.Ticket.Answer));
        var made = served.Cast<BaseVmGranted>().Select(g => g.Facts.Process.Pid).ToList();
        Assert.Equal(made.Order(), made);
    }

    [Fact]
    public async Task Answers_by_the_deadline_with_the_reason_when_no_vm_comes()
    {
        Hypervisor.Script = (_, step, _) => step == VmStep.Create
            ? throw new VmFailedException(new VmFailure(VmFailureKind.Start, "no such machine"))
            : Task.CompletedTask;
        await StartAsync(Pool());
        await UntilAsync(p => p.Reason.Contains("no such machine"));

        var acquire = Acquire(seconds: 3);
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Waiting == 1);
        Time.Advance(TimeSpan.FromSeconds(3));

        var refused = Assert.IsType<AcquireRefused>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("no such machine", refused.Reason);
        Assert.True(refused.RetryAfter > TimeSpan.Zero);
    }

    [Fact]
    public async Task Refuses_at_once_when_its_queue_is_full()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 0, with: p => p with { MaxWaiting = 2 }));
        Gateway.Tell(Acquire());
        Gateway.Tell(Acquire());

        var refused = Assert.IsType<AcquireRefused>(await AskAsync(Acquire()));

        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("queue is full", refused.Reason);
    }

    [Fact]
    public async Task Replaces_a_warm_vm_that_died_and_tells_what_happened()
    {
        await StartAsync(Pool());
        var first = (await UntilAsync(p => p.Warm == 2)).Vms[0].Id;

        Hypervisor.Vms[first].Die("was killed by signal 9 (SIGKILL)");

        var pool = await UntilAsync(p => p.Warm == 2 && p.Vms.All(v => v.Id != first));
        Assert.Contains(pool.Events, e => e.Vm == first && e.What.Contains("signal 9"));
        Assert.Equal("", pool.Reason);
    }

    [Fact]
    public async Task Never_hands_out_a_vm_that_died_unnoticed()
    {
        await StartAsync(Pool(number: 2));
        var dead = (await UntilAsync(p => p.Warm == 2)).Vms.OrderBy(v => v.Id.Value).Select(v => Hypervisor.Vms[v.Id]).ToList();
        dead.ForEach(vm => vm.Liveness = new VmLiveness(false, true, true, "its process is gone"));

        var granted = await TakeAsync();

        Assert.DoesNotContain(dead, d => d.Facts.Id == granted.Facts.Id);
        await UntilAsync(p => p.Warm == 2 && p.Vms.All(v => dead.All(d => d.Facts.Id != v.Id)));
    }

    [Fact]
    public async Task Gives_up_a_warm_vm_that_somebody_resumed()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;

        Hypervisor.Vms[id].Happen(new VmEvent.Resumed(ByUs: false));

        await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != id));
        Assert.False(Hypervisor.Vms[id].Alive);
    }

    [Fact]
    public async Task Backs_off_while_boots_fail_and_heals_by_itself()
    {
        var broken = true;
        var tries = 0;
        Hypervisor.Script = (spec, step, _) =>
        {
            if (step != VmStep.Agent || spec.Pool.Value != "bad" || !Volatile.Read(ref broken)) return Task.CompletedTask;
            Interlocked.Increment(ref tries);
            throw new VmFailedException(new VmFailure(VmFailureKind.Boot, "no init found"));
        };
        await StartAsync(Pool("bad", 2), Pool());
        await UntilAsync(p => p.Warm == 2);
        await UntilAsync(p => p.Reason.Contains("no init found") && p.Vms.Count == 0, "bad");

        var before = Volatile.Read(ref tries);
        for (var failed = 0; failed < 3; failed++)
        {
            var seen = before + failed;
            await UntilAsync(p =>
            {
                // The pause begins when the pool has heard of the failure.
                if (Volatile.Read(ref tries) == seen) Time.Advance(TimeSpan.FromSeconds(120));
                return Volatile.Read(ref tries) > seen && p.Vms.Count == 0;
            }, "bad");
        }

        Assert.Equal(before + 3, Volatile.Read(ref tries));
        Volatile.Write(ref broken, false);
        Time.Advance(TimeSpan.FromSeconds(120));

        var healed = await UntilAsync(p => p.Warm == 2, "bad");
        Assert.Equal("", healed.Reason);
        Assert.Contains(healed.Events, e => e.What.Contains("no init found") && e.Times > 1);
    }

    [Fact]
    public async Task Gives_a_boot_up_when_the_agent_never_answers()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Agent ? Never(cancel) : Task.CompletedTask;

        await StartAsync(Pool(number: 1, with: p => p with { BootTimeout = TimeSpan.FromMilliseconds(200) }));

        var pool = await UntilAsync(p => p.Reason.Contains("given up, at the latest after 0.2 s"));
        Assert.Contains("next try", pool.Reason);
        await UntilAsync(() => Task.FromResult(Hypervisor.Alive.Count()), alive => alive == 0);
    }

    [Fact]
    public async Task Replaces_a_vm_that_reached_max_age_before_it_retires_it()
    {
        var hold = new TaskCompletionSource();
        await StartAsync(Pool(number: 1, with: p => p with { MaxAge = TimeSpan.FromHours(1) }));
        var old = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? hold.Task.WaitAsync(cancel) : Task.CompletedTask;

        Time.Advance(TimeSpan.FromHours(1));

        var meanwhile = await UntilAsync(p => p.Warming == 1);
        Assert.Contains(meanwhile.Vms, v => v.Id == old && v.Life.Phase == VmPhase.Warm);
        hold.SetResult();
        var pool = await UntilAsync(p => p.Warm == 1 && p.Vms.All(v => v.Id != old));
        Assert.Contains(pool.Events, e => e.Vm == old && e.What.Contains("max-age"));
    }

    [Fact]
    public async Task Starts_under_tcg_and_renews_its_vms_when_kvm_is_proved()
    {
        await StartAsync(Pool(number: 2, with: p => p with { Accelerator = AcceleratorChoice.Auto }));
        await UntilAsync(p => p.Warm == 2 && p.Accelerator == Accelerator.Tcg);

        Proof.Proof.SetResult(new AcceleratorVerdict(Accelerator.Kvm, "KVM ran the guest in 0.8 s"));

        var pool = await UntilAsync(p => p.Vms.Count == 2 && p.Vms.All(v => v.Life.Phase == VmPhase.Warm && v.Spec.Accelerator == Accelerator.Kvm));
        Assert.Equal("KVM ran the guest in 0.8 s", pool.AcceleratorReason);
    }
}
