using CsCheck;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class PoolSpecs
{
    private static readonly PoolCount Empty = new(Target: 2, 0, 0, false, 0, 0, 0);

    [Theory]
    [InlineData(2, 0, 0, 0, 0, 2, 0)] // empty: the target
    [InlineData(2, 0, 1, 1, 0, 0, 0)] // one warm, one being made: nothing
    [InlineData(2, 3, 0, 0, 0, 5, 0)] // waiting callers count on top of the target
    [InlineData(0, 1, 0, 0, 0, 1, 0)] // on demand only
    [InlineData(0, 1, 1, 0, 0, 0, 0)] // ... and being made already
    [InlineData(2, 0, 0, 2, 1, 0, 1)] // an outdated VM goes when its successor is warm
    [InlineData(2, 0, 0, 1, 1, 1, 0)] // ... and not before
    [InlineData(2, 0, 0, 5, 0, 0, 3)] // more warm than wanted
    public void Plans_what_is_missing_and_what_is_too_much(
        int target, int waiting, int making, int fresh, int outdated, int start, int retire)
        => Assert.Equal(
            new RefillPlan(start, retire),
            PoolPolicy.Plan(new PoolCount(target, waiting, 0, false, making, fresh, outdated)));

    [Theory]
    [InlineData(3, 0, 0, 1, 2, 0)] // two that do not answer are asked again before others are made
    [InlineData(3, 0, 0, 0, 2, 1)]
    [InlineData(3, 4, 0, 0, 3, 4)] // ... but no caller waits for them
    [InlineData(0, 2, 0, 0, 3, 2)]
    [InlineData(3, 0, 0, 3, 2, 0)]
    public void Makes_no_vm_in_the_place_of_one_that_may_answer_yet(int target, int waiting, int making, int fresh, int unresponsive, int start)
        => Assert.Equal(
            new RefillPlan(start, 0), PoolPolicy.Plan(new PoolCount(target, waiting, 0, false, making, fresh, 0, Unresponsive: unresponsive)));

    [Theory]
    [InlineData(2, 0, 0, 0, 0, 0)] // empty: nothing
    [InlineData(2, 1, 0, 0, 0, 1)] // a caller is served all the same
    [InlineData(2, 1, 0, 1, 0, 1)]
    [InlineData(2, 1, 1, 0, 0, 0)] // ... and being made already
    [InlineData(2, 0, 0, 0, 2, 0)] // what is outdated stays
    [InlineData(2, 0, 1, 5, 0, 0)] // and what is too much
    public void Makes_vms_for_callers_alone_and_gives_none_up_while_it_is_cordoned(int target, int waiting, int making, int fresh, int outdated, int start)
        => Assert.Equal(
            new RefillPlan(start, 0), PoolPolicy.Plan(new PoolCount(target, waiting, 0, false, making, fresh, outdated, Cordoned: true)));

    [Theory]
    [InlineData(4, 0, 0, 4, 1, 4, 1, 0)] // one above the target is made
    [InlineData(4, 1, 0, 4, 1, 4, 0, 0)] // ... and no more
    [InlineData(4, 0, 1, 4, 1, 4, 0, 1)] // it is warm: an old one goes
    [InlineData(4, 0, 0, 4, 0, 3, 0, 1)] // no room above: an old one goes first
    [InlineData(4, 0, 0, 3, 0, 3, 1, 0)] // ... and one is made in its place
    [InlineData(4, 1, 0, 3, 0, 3, 0, 0)] // never below the floor
    [InlineData(4, 0, 3, 1, 0, 3, 0, 1)] // the last one, all others being new
    [InlineData(4, 0, 0, 0, 1, 4, 4, 0)] // callers took the old ones: as if there were none
    public void Replaces_vms_within_its_surge_and_above_its_floor(
        int target, int making, int fresh, int outdated, int surge, int floor, int start, int retire)
        => Assert.Equal(
            new RefillPlan(start, retire),
            PoolPolicy.Plan(new PoolCount(target, 0, 0, false, making, fresh, outdated, Rolling: new RollingLimits(surge, floor))));

    [Fact]
    public void Comes_to_the_end_of_any_rollout_and_stays_within_its_limits_all_the_time()
        => Gen.Int[0, 9].Array[3].Sample(n =>
        {
            var (target, surge, below) = (n[0] + 1, n[1], Math.Min(n[2], n[0] + 1));
            if (surge == 0 && below == 0) return true;
            var limits = new RollingLimits(surge, target - below);
            var (fresh, outdated) = (0, target);
            for (var step = 0; step < 100 && outdated > 0; step++)
            {
                var plan = PoolPolicy.Plan(new PoolCount(target, 0, 0, false, 0, fresh, outdated, Rolling: limits));
                outdated -= Math.Min(outdated, plan.Retire);
                fresh += plan.Start;
                if (fresh + outdated > target + surge || (plan.Start == 0 && plan.Retire > 0 && fresh + outdated < limits.Floor)) return false;
            }

            return outdated == 0;
        });

    [Fact]
    public void Gives_nothing_up_ahead_while_new_ones_fail()
        => Assert.Equal(
            new RefillPlan(0, 0), PoolPolicy.Plan(new PoolCount(4, 0, 1, true, 0, 0, 4, Rolling: new RollingLimits(0, 2))));

    [Fact]
    public void Starts_nothing_while_it_backs_off()
        => Assert.Equal(0, PoolPolicy.Plan(Empty with { Failures = 1, BackingOff = true }).Start);

    [Fact]
    public void Tries_one_at_a_time_while_boots_fail()
    {
        Assert.Equal(1, PoolPolicy.Plan(Empty with { Target = 9, Failures = 3 }).Start);
        Assert.Equal(0, PoolPolicy.Plan(Empty with { Target = 9, Failures = 3, Making = 1 }).Start);
    }

    [Fact]
    public void Never_plans_beyond_its_target_and_its_callers()
        => Gen.Int[0, 20].Array[7].Sample(n =>
        {
            var count = new PoolCount(n[0], n[1], n[2] % 3, n[3] % 2 == 0, n[4], n[5], n[6]);
            var plan = PoolPolicy.Plan(count);
            var wanted = count.Target + count.Waiting;
            return plan.Start >= 0 && plan.Retire >= 0
                && (plan.Start == 0 || count.Fresh + count.Making + plan.Start <= wanted)
                && (plan.Retire == 0 || count.Fresh + count.Outdated - plan.Retire == wanted);
        });

    [Fact]
    public void Doubles_the_delay_up_to_its_most_and_spreads_it()
    {
        var options = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 0.2);

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(1, 8).Select(n => Backoff.Delay(options, VmFailureKind.Boot, n, 0.5).TotalSeconds));
        Assert.Equal(0.8, Backoff.Delay(options, VmFailureKind.Boot, 1, 0).TotalSeconds, 6);
        Assert.Equal(1.2, Backoff.Delay(options, VmFailureKind.Boot, 1, 1).TotalSeconds, 6);
        Assert.Equal(60, Backoff.Delay(options, VmFailureKind.Start, 100_000, 0.5).TotalSeconds);
        Assert.Equal(1, Backoff.Delay(options, VmFailureKind.Configuration, 9, 0).TotalSeconds);
    }
}
