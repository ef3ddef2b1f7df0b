using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.Unit.Domain;

public class RolloutSpecs
{
    private static readonly PoolOptions A = Of("/a"), B = Of("/b"), C = Of("/c");

    [Fact]
    public void Goes_nowhere_when_the_vms_are_the_same()
        => Assert.Null(Rollout.Next(null, A, A with { VmCacheNumber = 9, MaxAge = TimeSpan.FromHours(1) }));

    [Fact]
    public void Remembers_what_to_go_back_to_until_it_is_over()
    {
        var first = Rollout.Next(null, A, B)!;
        Assert.Equal(A, first.From);

        // Another change before the first one is proved.
        var second = Rollout.Next(first.Succeeded().Failed(), B, C)!;
        Assert.Equal((A, 0, 0), (second.From, second.Made, second.FailedInARow));
        Assert.Null(Rollout.Next(second, C, A));
    }

    [Fact]
    public void Goes_back_with_the_size_that_is_wanted_now()
    {
        var rollout = Rollout.Next(null, A, B)!;

        Assert.Equal(7, Rollout.Next(rollout, B, B with { VmCacheNumber = 7 })!.From.VmCacheNumber);
        Assert.Equal(8, Rollout.Next(null, A, B with { VmCacheNumber = 8 })!.From.VmCacheNumber);
    }

    [Fact]
    public void Has_failed_after_three_failures_in_a_row()
    {
        var rollout = Rollout.Next(null, A, B)!.Failed().Failed().Succeeded().Failed().Failed();

        Assert.False(rollout.HasFailed);
        Assert.True(rollout.Failed().HasFailed);
    }

    [Theory]
    [InlineData(3, 0, 1, true)]
    [InlineData(3, 1, 1, false)]
    [InlineData(3, 0, 0, false)] // callers took the old ones: nothing is proved yet
    [InlineData(0, 0, 0, true)] // nothing is kept warm: nothing can be proved
    public void Is_over_when_a_new_one_was_made_and_no_old_one_is_left(int target, int outdated, int made, bool over)
        => Assert.Equal(over, new Rollout(A, made).IsOver(target, outdated));

    [Theory]
    [InlineData(0.25, 8, 2)]
    [InlineData(0.25, 1, 1)]
    [InlineData(0.1, 30, 3)]
    [InlineData(0, 9, 0)]
    [InlineData(1, 9, 9)]
    public void Rounds_its_shares_up(double share, int target, int number)
    {
        var options = new RolloutOptions(share, share, TimeSpan.FromMinutes(1));

        Assert.Equal((number, number), (options.SurgeOf(target), options.FloorOf(target)));
    }

    private static PoolOptions Of(string kernel) => new()
    {
        Name = PoolName.Default,
        Spec = new VmSpec { Pool = PoolName.Default, Qemu = "/q", Kernel = kernel },
        VmCacheNumber = 3,
        GracePeriod = TimeSpan.FromSeconds(30),
        Lease = new LeaseLimits(TimeSpan.FromMinutes(10), TimeSpan.FromHours(24)),
        BootTimeout = TimeSpan.FromSeconds(60),
        MaxWaiting = 256,
        Backoff = new BackoffOptions(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60), 0.2),
    };
}
