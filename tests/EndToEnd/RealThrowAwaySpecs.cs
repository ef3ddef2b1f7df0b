using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>As <see cref="ThrowAwaySpecs"/>, with real QEMU and the embedded guest. They wait for deadlines, and so do not keep other real VMs waiting.</summary>
[Trait("Category", "Qemu")]
public sealed class RealThrowAwaySpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [SkippableTheory]
    [InlineData(Moment.ProofLaunched)]
    [InlineData(Moment.ProofBooting)]
    [InlineData(Moment.TemplateLaunched)]
    [InlineData(Moment.TemplateBooting)]
    [InlineData(Moment.CloneLaunched)]
    public async Task Leaves_nothing_when_the_daemon_is_stopped(Moment moment)
    {
        await SkipWhereThereIsNoKvmAsync();
        await using var house = new House { Patience = Patience };

        var exit = await new ThrowAway(house, moment, real: true).EndDaemonAsync(Processes.Sigterm, bootTimeout: "120s");

        Assert.Equal(0, exit);
        house.AssertNothingLeft();
    }

    /// <summary>All at once, for their deadlines.</summary>
    [SkippableFact]
    public async Task Leaves_no_process_after_its_deadline_when_the_daemon_is_killed()
    {
        await SkipWhereThereIsNoKvmAsync();
        await Task.WhenAll(KillAsync(Moment.ProofBooting, "30s"), KillAsync(Moment.TemplateBooting, "30s"), KillAsync(Moment.CloneLaunched, "60s"));
    }

    private static async Task KillAsync(Moment moment, string bootTimeout)
    {
        await using var house = new House { Patience = Patience };
        await new ThrowAway(house, moment, real: true).EndDaemonAsync(Processes.Sigkill, bootTimeout);

        await Eventually.Async(
            () => house.VmProcesses().Count == 0, $"nothing runs that was begun before {moment}",
            () => string.Join('\n', house.VmProcesses().Select(pid => Processes.CommandLine(pid))), Patience);
    }

    private static async Task SkipWhereThereIsNoKvmAsync()
    {
        var why = await KvmStandIn.WhyNotAsync();
        Skip.If(why is not null, $"no mount namespace can be made here: {why}");
    }
}
