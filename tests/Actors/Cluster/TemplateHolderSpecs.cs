using Akka.Actor;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>How nodes know who has a template, and that nobody has.</summary>
public sealed class TemplateHolderSpecs
{
    private static readonly TemplateDigest Digest = new("fedcba9876543210" + new string('0', 48));

    [Fact]
    public async Task Knows_who_has_a_template_from_when_it_is_there_until_it_goes()
    {
        await using var hosts = new ClusterHosts();
        var alpha = hosts.Start("alpha", [], bootstrap: true);
        alpha.Lender.Held = [Digest];
        var beta = hosts.Start("beta", [alpha.At]);
        await beta.IsMemberOfAsync(2);

        Assert.Equal("alpha", Assert.Single((await FoundAsync(beta, f => f.Hosts.Count > 0)).Hosts).Node.Value);
        // Nobody is sent to itself.
        Assert.Empty((await FoundAsync(alpha, f => !f.MoreToCome)).Hosts);

        alpha.Lender.Held = [];
        await alpha.HasAsync("web", 1);
        await FoundAsync(beta, f => f is { Hosts.Count: 0, MoreToCome: false });
    }

    [Fact]
    public async Task Expects_nobody_where_it_is_told_of_no_other_host_or_reaches_none()
    {
        await using var hosts = new ClusterHosts();
        var alone = hosts.Start("alone", [], bootstrap: true);
        var lost = hosts.Start("lost", [FreePort.Address()]);

        await FoundAsync(lost, f => f is { Hosts.Count: 0, MoreToCome: true });
        await FoundAsync(lost, f => f is { Hosts.Count: 0, MoreToCome: false });
        await FoundAsync(alone, f => f is { Hosts.Count: 0, MoreToCome: false });
    }

    [Fact]
    public async Task Expects_others_while_there_are_some_that_wait_for_a_cluster_too()
    {
        await using var hosts = new ClusterHosts();
        var first = hosts.Start("first", [FreePort.Address()]);
        var second = hosts.Start("second", [first.At]);

        await Eventually.Async(
            async () => second.Ports.Face.Placement is { } placement
                && (await placement.Ask<ClusterSeen>(GetClusterSeen.Instance, TimeSpan.FromSeconds(1))).Reason.Contains("in no cluster either", StringComparison.Ordinal),
            "it has heard of the other one");
        await FoundAsync(second, f => f is { Hosts.Count: 0, MoreToCome: true });
    }

    private static async Task<TemplateFound> FoundAsync(ClusterHost host, Func<TemplateFound, bool> condition)
    {
        TemplateFound? last = null;
        await Eventually.Async(
            async () => host.Ports.Face.Placement is { } placement && condition(last = await placement.Ask<TemplateFound>(new FindTemplate(Digest), TimeSpan.FromSeconds(1))),
            "the placement knows", () => $"{last}");
        return last!;
    }
}
