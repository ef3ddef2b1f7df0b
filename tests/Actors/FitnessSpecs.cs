using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport.Fakes;

namespace VmCacheCluster.Tests.Actors;

/// <summary>Warm VMs that hang, or that nobody could reach any more.</summary>
public class FitnessSpecs : NodeFixture
{
    private static readonly TimeSpan Again = FitnessRules.Limit;

    private readonly HeldClock _wall = new();

    public FitnessSpecs() => Wall = _wall;

    /// <summary>Its timestamps move when a test says so; its timers are the system's.</summary>
    private sealed class HeldClock : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _ticks);

        public void Pass(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }

    [Theory]
    [InlineData(HandOutPath.Kata)]
    [InlineData(HandOutPath.V1)]
    public async Task Hands_out_none_of_two_that_hang_to_20_callers_once_they_were_asked(HandOutPath path)
    {
        await StartAsync(Pool(number: 3));
        var hung = (await UntilAsync(p => p.Warm == 3)).Vms.Take(2).Select(v => v.Id).ToList();
        foreach (var id in hung) Machine(id).Answers = false;
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(p => p.Vms.Count(v => v.Life.Phase == VmPhase.Unresponsive) == 2);

        for (var i = 0; i < 20; i++)
        {
            var granted = Assert.IsType<BaseVmGranted>(await AskAsync(path == HandOutPath.V1 ? AcquireV1() : Acquire()));
            Assert.DoesNotContain(granted.Facts.Id, hung);
        }
    }

    [Fact]
    public async Task Never_leases_one_that_hangs_though_nobody_has_asked_it_yet()
    {
        await StartAsync(Pool(number: 3));
        var warm = (await UntilAsync(p => p.Warm == 3)).Vms.Select(v => v.Id).ToList();
        foreach (var id in warm.Take(2)) Machine(id).Answers = false;

        for (var i = 0; i < 20; i++) Assert.DoesNotContain((await LeaseAsync()).Facts.Id, warm.Take(2));

        // Nothing was done to them: they may answer yet.
        Assert.All(warm.Take(2), id => Assert.Equal([VmOwnership.Warm], Machine(id).Marks.Select(m => m.Ownership)));
    }

    /// <summary>The daemon was held up, or the host slept: the background has not asked in time.</summary>
    [Fact]
    public async Task Asks_first_when_its_last_answer_is_too_old()
    {
        await StartAsync(Pool(number: 2));
        var warm = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToList();
        foreach (var id in warm) Machine(id).Answers = false;
        _wall.Pass(FitnessRules.MostAge + TimeSpan.FromTicks(1));

        var granted = await TakeAsync();

        Assert.DoesNotContain(granted.Facts.Id, warm);
        Assert.All(warm, id => Assert.Equal(1, Machine(id).Asked));
    }

    [Fact]
    public async Task Asks_nothing_when_its_last_answer_is_young_enough()
    {
        await StartAsync(Pool(number: 1));
        await UntilAsync(p => p.Warm == 1);
        _wall.Pass(FitnessRules.MostAge);

        Assert.Equal(0, Machine((await TakeAsync()).Facts.Id).Asked);
    }

    [Fact]
    public async Task Says_what_did_not_answer_when_no_vm_was_ready_in_time()
    {
        await StartAsync(Pool(number: 2));
        foreach (var vm in (await UntilAsync(p => p.Warm == 2)).Vms) Machine(vm.Id).Answers = false;
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Create ? Never(cancel) : Task.CompletedTask;
        var acquire = AcquireV1(seconds: 30);
        Gateway.Tell(acquire);
        var pool = await UntilAsync(p => p is { Warm: 0, Waiting: 1 });
        Assert.Contains("2 do not answer", pool.Reason);

        Time.Advance(TimeSpan.FromSeconds(30));

        var refused = Assert.IsType<AcquireRefused>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Contains("the VM that it was to have was not fit: QEMU did not answer 'query-status' within 1 s", refused.Reason);
        Assert.DoesNotContain("others were served first", refused.Reason);
    }

    [Fact]
    public async Task Says_what_was_wrong_with_the_agent_though_the_deadline_ended_its_preparation()
    {
        Hypervisor.Script = async (_, step, cancel) =>
        {
            if (step != VmStep.Prepare) return;
            await Never(cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "its answer has begun and is not complete"));
        };
        await StartAsync(Pool(number: 1));

        var refused = Assert.IsType<AcquireRefused>(await AskAsync(AcquireV1(seconds: 1)));

        Assert.Equal(RefusalKind.Exhausted, refused.Kind);
        Assert.Contains("its answer has begun and is not complete", refused.Reason);
    }

    [Fact]
    public async Task Says_that_a_vm_is_still_being_prepared_when_the_deadline_of_a_key_comes_first()
    {
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Prepare ? Never(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        var acquire = AcquireV1(Wish(key: "k"));
        Gateway.Tell(acquire);
        await UntilAsync(p => p.Vms.Any(v => v.Id == id && v.Life.Phase == VmPhase.Preparing));

        Time.Advance(TimeSpan.FromSeconds(30));

        var refused = Assert.IsType<AcquireRefused>(await acquire.Ticket.Answer.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Contains($"VM {id} was still being prepared for it", refused.Reason);
    }

    [Fact]
    public async Task Has_one_back_that_was_only_late()
    {
        await StartAsync(Pool(number: 1));
        var id = (await UntilAsync(p => p.Warm == 1)).Vms[0].Id;
        Machine(id).Answers = false;
        Time.Advance(FitnessRules.Interval);
        var doubted = await UntilAsync(p => p.Vms[0].Life.Phase == VmPhase.Unresponsive);
        Assert.Equal((0, 0), (doubted.Warm, doubted.Warming));
        Assert.Contains("does not answer", doubted.Reason);

        Machine(id).Answers = true;
        Time.Advance(Again);

        var pool = await UntilAsync(p => p.Warm == 1);
        Assert.Equal(id, Assert.Single(pool.Vms).Id);
        Assert.Equal(id, (await TakeAsync()).Facts.Id);
    }

    [Fact]
    public async Task Replaces_one_that_leaves_two_questions_unanswered()
    {
        await StartAsync(Pool(number: 2));
        var id = (await UntilAsync(p => p.Warm == 2)).Vms[0].Id;
        Machine(id).Answers = false;
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(p => p.Warm == 1);

        Time.Advance(Again);

        var pool = await UntilAsync(p => p.Warm == 2 && p.Vms.Count == 2 && p.Vms.All(v => v.Id != id));
        Assert.False(Hypervisor.Vms[id].Alive);
        Assert.Contains(pool.Events, e => e.Vm == id && e.What.Contains("QEMU did not answer 'query-status'"));
    }

    [Fact]
    public async Task Ends_one_at_a_time_when_all_are_silent_together_and_keeps_those_that_answer_again()
    {
        var stopping = new TaskCompletionSource();
        Hypervisor.Script = (_, step, cancel) => step == VmStep.Stop ? stopping.Task.WaitAsync(cancel) : Task.CompletedTask;
        await StartAsync(Pool(number: 5), Pool("other", 5));
        var all = (await UntilAsync(p => p.Warm == 5)).Vms.Concat((await UntilAsync(p => p.Warm == 5, "other")).Vms).Select(v => v.Id).ToList();
        foreach (var id in all) Machine(id).Answers = false;
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(LookAsync, n => n.Pools.All(p => p.Warm == 0));
        var asked = all.ToDictionary(id => id, id => Machine(id).Asked);

        Time.Advance(Again);

        var pools = await UntilAsync(LookAsync, n => all.All(id => Machine(id).Asked > asked[id]) && n.Pools.SelectMany(p => p.Vms).Any(v => v.Life.Ended));
        Assert.Single(pools.Pools.SelectMany(p => p.Vms), v => v.Life.Ended);
        foreach (var id in all) Machine(id).Answers = true;
        await UntilAsync(AskedAgainAsync, n => n.Pools.Sum(p => p.Vms.Count(v => v.Life.Phase == VmPhase.Warm && all.Contains(v.Id))) == 9);
        stopping.SetResult();
        await UntilAsync(LookAsync, n => n.Pools.All(p => p is { Warm: 5, Vms.Count: 5 }));
    }

    [Fact]
    public async Task Gives_the_turn_on_when_one_cannot_be_ended()
    {
        await StartAsync(Pool(number: 2));
        var all = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToList();
        Hypervisor.Script = (_, step, _) => step == VmStep.Stop ? throw new VmFailedException(new VmFailure(VmFailureKind.Host, "it hangs in the kernel")) : Task.CompletedTask;
        foreach (var id in all) Machine(id).Answers = false;
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(p => p.Warm == 0);

        await UntilAsync(AskedAgainAsync, n => n.Pools[0].Vms.Count(v => v.Life.Phase == VmPhase.Failed) == 2 && n.Pools[0].Warm == 2);
    }

    [Theory]
    [InlineData(HandOutPath.Kata)]
    [InlineData(HandOutPath.V1)]
    public async Task Takes_another_when_what_its_holder_needs_is_gone(HandOutPath path)
    {
        await StartAsync(Pool(number: 2));
        var warm = (await UntilAsync(p => p.Warm == 2)).Vms.Select(v => v.Id).ToList();
        foreach (var id in warm) Machine(id).Missing = $"/run/client/{id}/qmp.sock";

        var granted = Assert.IsType<BaseVmGranted>(await AskAsync(path == HandOutPath.V1 ? AcquireV1() : Acquire()));

        Assert.DoesNotContain(granted.Facts.Id, warm);
        var pool = await UntilAsync(p => p is { Warm: 2, Leased: 1 } && p.Vms.Count == 3);
        Assert.All(warm, id => Assert.Contains(pool.Events, e => e.Vm == id && e.What.Contains($"/run/client/{id}/qmp.sock is gone")));
    }

    [Fact]
    public async Task Replaces_one_that_nobody_can_reach_and_leaves_the_ones_that_are_held_alone()
    {
        await StartAsync(Pool(number: 1));
        var held = (await TakeAsync()).Facts.Id;
        Machine(held).RunByClient();
        var id = (await UntilAsync(p => p is { Warm: 1, Leased: 1 })).Vms.Single(v => v.Life.Phase == VmPhase.Warm).Id;
        Machine(id).Missing = $"/run/client/{id}";
        Machine(held).Missing = $"/run/client/{held}";

        Time.Advance(FitnessRules.Interval);

        await UntilAsync(p => p is { Warm: 1, Leased: 1 } && p.Vms.All(v => v.Id != id) && p.Vms.Any(v => v.Id == held));
        Assert.True(Hypervisor.Vms[held].Alive);
    }

    [Fact]
    public async Task Gives_up_and_leaves_running_those_that_do_not_answer_as_it_does_the_warm_ones()
    {
        await StartAsync(Pool(number: 2));
        var silent = (await UntilAsync(p => p.Warm == 2)).Vms[0].Id;
        Machine(silent).Answers = false;
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(p => p.Warm == 1);

        await TerminateAsync();
        Assert.True(Hypervisor.Vms[silent].Alive);

        await StartAsync(Pool(number: 2));
        await UntilAsync(p => p.Warm == 2);
        Time.Advance(FitnessRules.Interval);
        await UntilAsync(p => p.Warm == 1);
        var drained = await Gateway.Ask<NodeDrained>(DrainNode.Instance, TimeSpan.FromSeconds(20));
        Assert.Equal(2, drained.GivenUp);
        await UntilAsync(p => p.Vms.Count == 0);
    }

    private Task<NodeView> AskedAgainAsync()
    {
        Time.Advance(Again);
        return LookAsync();
    }

    [Fact]
    public void Asks_each_at_a_time_of_its_own_and_no_later_than_promised()
    {
        var ids = Enumerable.Range(0, 1000).Select(_ => VmId.New()).ToList();

        var first = ids.Select(FitnessRules.FirstAfter).ToList();

        Assert.All(first, t => Assert.InRange(t, TimeSpan.FromTicks(1), FitnessRules.Interval));
        // An eighth of them in each second, more or less.
        Assert.All(first.GroupBy(t => (int)t.TotalSeconds), second => Assert.InRange(second.Count(), 60, 250));
        Assert.True(FitnessRules.Interval + FitnessRules.Limit < FitnessRules.MostAge);
    }
}
