using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Built daemons in network namespaces, whose authority is replaced while they run.</summary>
[Trait("Category", "Fake")]
public sealed class ClusterCertificateSpecs
{
    [SkippableFact]
    public async Task Goes_over_to_another_authority_without_a_restart()
    {
        await using var cluster = new ClusterHouse(3, (house, _) => house.Fakes(1));
        using var next = new PrivateAuthority(cluster.CertificateDirectory, "next authority");
        cluster.Start(0, "--bootstrap");
        cluster.Start(1);
        foreach (var host in (int[])[0, 1]) await cluster.SeesAsync(host, c => c.Hosts.Count(h => h.State == HostState.Up) == 2, "two are up");

        // As docs/deployment.md has it: both authorities, then the certificates, then the new one alone.
        var old = File.ReadAllText(cluster.Authority);
        File.WriteAllText(cluster.Authority, old + "\n" + File.ReadAllText(next.Certificate));
        await UsesAsync(cluster, 1);
        foreach (var host in (int[])[0, 1]) next.Sign(ClusterHouse.Name(host));
        await UsesAsync(cluster, 2);
        File.WriteAllText(cluster.Authority, File.ReadAllText(next.Certificate));
        await UsesAsync(cluster, 3);

        // Nothing of the old authority is trusted any more, at any port: the third host has a certificate of the new one alone.
        cluster.StartWith(2, next);
        for (var host = 0; host < 3; host++) await cluster.WholeAsync(host);
        await using var vm = await cluster.Client(2).AcquireAsync("", new Client.AcquireOptions { Placement = Placement.Any, Timeout = Eventually.Patience });
        await cluster.Client(0).RenewAsync(vm.Id, vm.Token, null, HandedOut.Timeout);
        foreach (var host in (int[])[0, 1]) Assert.DoesNotContain("is not trusted", cluster[host].Log, StringComparison.Ordinal);
    }

    /// <summary>Both have told so often that they use other certificates.</summary>
    private static async Task UsesAsync(ClusterHouse cluster, int changes)
    {
        foreach (var host in (int[])[0, 1])
        {
            await Eventually.Async(
                () => cluster[host].Log.Split("is used from now on").Length - 1 > changes, $"n{host} uses what was written, change {changes}", () => cluster[host].Log);
        }
    }
}
