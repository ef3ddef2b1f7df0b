using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Tests.EndToEnd.Support;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.EndToEnd;

/// <summary>Templates that go from host to host, with real VMs.</summary>
[Trait("Category", "Qemu")]
[Collection(QemuCollection.Name)]
public sealed class RealClusterTemplateSpecs
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [SkippableFact]
    public async Task Is_warm_without_a_boot_when_a_node_of_its_cluster_has_the_template()
    {
        // Time enough to become a member on a busy machine.
        await using var cluster = new ClusterHouse(2, (_, _) => House.RealVms(1, mebibytes: 256, refill: "clone") + "\ncluster.templates.wait = 60s", Patience);
        var made = (await cluster.Start(0, "--bootstrap").WarmAsync()).Pools[0];
        // It looks for others before it forms the cluster, which may take longer than the template.
        await cluster.SeesAsync(0, c => c.Hosts.Any(h => h.State == HostState.Up && h.Pools.Any(p => p.Warm == p.Target)), "it has formed the cluster, and told what it has");
        Assert.Contains(made.Events, e => e.What.StartsWith("its template was made and proved; no other node gives the same one", StringComparison.Ordinal));
        Assert.DoesNotContain("from", made.RefillReason, StringComparison.Ordinal);

        var pool = (await cluster.Start(1).WarmAsync()).Pools[0];

        Assert.Single(pool.Events, e => e.What.StartsWith("its template was taken from n0 in ", StringComparison.Ordinal) && e.What.EndsWith(" MiB over the wire, and proved", StringComparison.Ordinal));
        Assert.DoesNotContain(pool.Events, e => e.What.Contains("made", StringComparison.Ordinal));
        Assert.EndsWith("MiB, from n0", pool.RefillReason, StringComparison.Ordinal);
        Assert.Contains("its template was taken from n0", cluster[1].Log, StringComparison.Ordinal);
        await using var vm = await cluster.Client(1).AcquireAsync("", new AcquireOptions { Placement = Placement.Local, Timeout = Patience });
        Assert.Equal(MadeBy.Clone, vm.Vm.MadeBy);
        Assert.Equal("n1\n", (await vm.RunAsync(["echo", vm.Host])).Stdout);
    }
}
