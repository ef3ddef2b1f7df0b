using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>The end of a daemon while it proves KVM or makes a template: no later one comes that would end what it began.</summary>
[Trait("Category", "Fake")]
public sealed class ThrowAwaySpecs
{
    private static readonly Moment[] All = [.. Enum.GetValues<Moment>().Where(m => m != Moment.CloneLaunched)];

    public static TheoryData<Moment> Moments() => [.. All];

    /// <summary>The node makes VMs from its first moment on, before the daemon's sockets are served.</summary>
    [Theory]
    [InlineData("stop:Start", 0)]
    [InlineData("fail:Start", 75)]
    public async Task Leaves_nothing_when_the_daemon_ends_while_it_starts(string step, int status)
    {
        await using var house = new House();
        var daemon = house.StartDoomed(house.Fakes(2, "agent=never"), step);

        var exit = await daemon.ExitedAsync();

        Assert.True(exit == status, daemon.Log);
        house.AssertNothingLeft();
    }

    [SkippableTheory]
    [MemberData(nameof(Moments))]
    public async Task Leaves_nothing_when_the_daemon_is_stopped(Moment moment)
    {
        await SkipWhereThereIsNoKvmAsync();
        await using var house = new House();

        var exit = await new ThrowAway(house, moment).EndDaemonAsync(Processes.Sigterm, bootTimeout: "30s");

        Assert.Equal(0, exit);
        house.AssertNothingLeft();
    }

    /// <summary>All at once: what is waited for is their deadlines, and those of proofs are over a minute.</summary>
    [SkippableFact]
    public async Task Leaves_no_process_after_its_deadline_when_the_daemon_is_killed()
    {
        await SkipWhereThereIsNoKvmAsync();
        await Task.WhenAll(All.Select(KillAsync));
    }

    private static async Task KillAsync(Moment moment)
    {
        await using var house = new House();
        await new ThrowAway(house, moment).EndDaemonAsync(Processes.Sigkill, bootTimeout: "5s");

        await Eventually.Async(
            () => house.VmProcesses().Count == 0, $"nothing runs that was begun before {moment}",
            () => string.Join('\n', house.VmProcesses().Select(pid => Processes.CommandLine(pid))), TimeSpan.FromMinutes(4));
    }

    private static async Task SkipWhereThereIsNoKvmAsync()
    {
        var why = await KvmStandIn.WhyNotAsync();
        Skip.If(why is not null, $"no mount namespace can be made here: {why}");
    }
}
