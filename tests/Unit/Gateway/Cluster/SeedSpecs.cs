using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;

namespace VmCacheCluster.Tests.Unit.Gateway.Cluster;

/// <summary>Where a node looks for its cluster, and what is said when that cannot be read.</summary>
public sealed class SeedSpecs : IDisposable
{
    // Too long for DNS: no server is asked.
    private static readonly string Nowhere = new string('x', 70) + ":4750";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vms");
    private readonly ClusterHost _host;

    public SeedSpecs() => _host = new ClusterHost(new ClusterFile(_directory.FullName), new PeerProbe(() => null));

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Takes_addresses_as_they_are_and_names_with_what_they_stand_for()
    {
        Assert.Equal("10.0.0.7:1", string.Join(' ', (await ResolveAsync(SeedKind.Address, "10.0.0.7:1")).Addresses));
        Assert.Contains("localhost:2", (await ResolveAsync(SeedKind.Address, "localhost:2")).Addresses.Select(a => a.ToString()));
        var dns = (await ResolveAsync(SeedKind.Dns, "localhost:3")).Addresses.Select(a => a.ToString()).ToList();
        Assert.Contains("127.0.0.1:3", dns);
        Assert.DoesNotContain("localhost:3", dns);
    }

    [Fact]
    public async Task Says_which_seed_cannot_be_resolved_and_takes_the_others()
    {
        var file = Write("10.0.0.1:4750\n# one more\n\n 10.0.0.2:4750 \nsomewhere\n");

        var all = await _host.ResolveAsync(
            [new Seed(SeedKind.Address, Nowhere), new Seed(SeedKind.Dns, Nowhere), new Seed(SeedKind.File, file), new Seed(SeedKind.File, file + ".not")], CancellationToken.None);

        Assert.Equal("10.0.0.1:4750 10.0.0.2:4750", string.Join(' ', all.Addresses));
        Assert.Equal(4, all.Problems.Count);
        Assert.StartsWith($"the seed {Nowhere} cannot be resolved: ", all.Problems[0], StringComparison.Ordinal);
        Assert.StartsWith($"the seed dns:{Nowhere} cannot be resolved: ", all.Problems[1], StringComparison.Ordinal);
        Assert.Equal($"{file}: \"somewhere\" is no HOST:PORT", all.Problems[2]);
        Assert.StartsWith($"the seed file:{file}.not cannot be resolved: there is no file", all.Problems[3], StringComparison.Ordinal);
    }

    private Task<SeedsResolved> ResolveAsync(SeedKind kind, string where) => _host.ResolveAsync([new Seed(kind, where)], CancellationToken.None);

    private string Write(string text)
    {
        var path = Path.Combine(_directory.FullName, "seeds");
        File.WriteAllText(path, text);
        return path;
    }
}
