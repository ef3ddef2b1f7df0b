using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Templates;
using VmCacheCluster.Tests.Unit.Client;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway.Templates;

/// <summary>How long a host that is not in its cluster yet waits for those who may have its template.</summary>
public sealed class TemplatePeersSpecs
{
    private static readonly TemplateDigest Digest = new(new string('a', 64));
    private readonly StepTime _time = new();
    private readonly ClusterFace _face = new();

    [Fact]
    public async Task Waits_for_a_cluster_that_it_is_to_come_into_and_no_longer_than_it_is_told()
    {
        using var peers = Peers([new Seed(SeedKind.Address, "b:4750")]);
        var finding = peers.FindAsync(Digest, CancellationToken.None);

        await _time.NextDelayAsync();
        _time.Fire();
        await _time.NextDelayAsync();
        Assert.False(finding.IsCompleted);
        _time.Pass(TimeSpan.FromSeconds(5));
        _time.Fire();

        Assert.Empty(await finding);
    }

    [Fact]
    public async Task Does_not_wait_where_it_is_told_of_nobody_or_cannot_come_in()
    {
        using var alone = Peers([]);
        Assert.Empty(await alone.FindAsync(Digest, CancellationToken.None));
        _face.Problem = "its certificate has expired";
        using var barred = Peers([new Seed(SeedKind.Address, "b:4750")]);
        Assert.Empty(await barred.FindAsync(Digest, CancellationToken.None));
    }

    private TemplatePeers Peers(IReadOnlyList<Seed> seeds)
    {
        var options = TemplatePeerServiceSpecs.Options(1, 2);
        options = options with { Cluster = options.Cluster! with { Seeds = seeds, Templates = new TemplateSharing(null, TimeSpan.FromSeconds(5)) } };
        var trust = new NetworkTrust(new PeerTrust(null, "", NullLogger.Instance, TimeProvider.System), new PeerTrust(null, "", NullLogger.Instance, TimeProvider.System));
        return new TemplatePeers(new ClusterEdge(options, _face), trust, _time);
    }
}
