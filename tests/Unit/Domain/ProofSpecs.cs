using VmCacheCluster.Domain;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Domain;

/// <summary>What a proof of KVM says, and when there is another one.</summary>
public sealed class ProofSpecs
{
    private static readonly ProofOptions Options = ProofOptions.Default;

    [Theory]
    [InlineData(ProofOutcome.NotTried, 1, 10)]
    [InlineData(ProofOutcome.NotTried, 2, 20)]
    [InlineData(ProofOutcome.NotTried, 5, 160)]
    [InlineData(ProofOutcome.NotTried, 6, 300)]
    [InlineData(ProofOutcome.NotTried, 1000, 300)]
    [InlineData(ProofOutcome.Failed, 1, 30)]
    [InlineData(ProofOutcome.Failed, 2, 60)]
    [InlineData(ProofOutcome.Failed, 8, 3600)]
    [InlineData(ProofOutcome.Failed, int.MaxValue, 3600)]
    [InlineData(ProofOutcome.NoDevice, 1, 10)]
    [InlineData(ProofOutcome.NoDevice, 1000, 10)]
    public void Proves_again_less_and_less_often_but_looks_for_the_device_all_the_time(ProofOutcome outcome, int tries, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new ProofCourse(Verdict(outcome), tries).Pause(Options));

    [Fact]
    public void Proves_nothing_again_that_is_settled() => Assert.Null(new ProofCourse(Verdict(ProofOutcome.Settled), 1).Pause(Options));

    [Theory]
    [InlineData(ProofOutcome.Failed, 1, 2)]
    [InlineData(ProofOutcome.Failed, 2, 4)]
    [InlineData(ProofOutcome.Failed, 3, 8)]
    [InlineData(ProofOutcome.Failed, 4, 8)]
    [InlineData(ProofOutcome.Failed, int.MaxValue, 8)]
    [InlineData(ProofOutcome.NotTried, 3, 1)]
    [InlineData(ProofOutcome.NoDevice, 3, 1)]
    public void Gives_a_guest_more_time_each_time_it_was_late(ProofOutcome outcome, int tries, int factor) =>
        Assert.Equal(Options.Limits.Times(factor), ProofCourse.Limits(new ProofCourse(Verdict(outcome), tries), Options));

    [Fact]
    public void Gives_a_guest_the_first_limits_when_nothing_was_proved_yet() => Assert.Equal(Options.Limits, ProofCourse.Limits(null, Options));

    /// <summary>What is promised in reference.conf.</summary>
    [Fact]
    public void Has_a_guest_that_hangs_keep_a_core_busy_for_a_hundredth_of_the_time_at_most()
    {
        var hangs = new ProofCourse(Verdict(ProofOutcome.Failed), 1000);

        Assert.True(ProofCourse.Limits(hangs, Options).Kernel * 100 <= hangs.Pause(Options));
    }

    [Fact]
    public void Counts_how_often_in_a_row_it_had_one_outcome()
    {
        var course = ProofCourse.Next(null, Verdict(ProofOutcome.NoDevice));
        Assert.Equal(1, course.Tries);
        course = ProofCourse.Next(course, Verdict(ProofOutcome.NoDevice));
        Assert.Equal(2, course.Tries);
        course = ProofCourse.Next(course, Verdict(ProofOutcome.Failed));
        Assert.Equal((1, ProofOutcome.Failed), (course.Tries, course.Last.Outcome));
    }

    [Theory]
    [InlineData(VmFailureKind.Start, true, ProofOutcome.Settled)]
    [InlineData(VmFailureKind.Host, true, ProofOutcome.Settled)]
    [InlineData(VmFailureKind.Start, false, ProofOutcome.Failed)]
    [InlineData(VmFailureKind.Boot, false, ProofOutcome.Failed)]
    [InlineData(VmFailureKind.Exited, false, ProofOutcome.Failed)]
    [InlineData(VmFailureKind.Monitor, false, ProofOutcome.Failed)]
    [InlineData(VmFailureKind.Host, false, ProofOutcome.NotTried)]
    [InlineData(VmFailureKind.Configuration, false, ProofOutcome.NotTried)]
    [InlineData(VmFailureKind.Cancelled, false, ProofOutcome.NotTried)]
    public void Settles_on_a_refusal_alone(VmFailureKind kind, bool refused, ProofOutcome outcome) => Assert.Equal(outcome, ProofRules.OutcomeOf(kind, refused));

    [Fact]
    public void Takes_verdicts_for_alike_that_differ_in_their_words()
    {
        var verdict = Verdict(ProofOutcome.Failed);

        Assert.True(verdict.IsLike(verdict with { Reason = "within 8 s" }));
        Assert.False(verdict.IsLike(verdict with { Cause = VmFailureKind.Host }));
        Assert.False(verdict.IsLike(verdict with { Outcome = ProofOutcome.NoDevice }));
        Assert.False(verdict.IsLike(null));
    }

    private static AcceleratorVerdict Verdict(ProofOutcome outcome) => new(Accelerator.Tcg, "within 4 s") { Outcome = outcome };
}
