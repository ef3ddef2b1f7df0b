using VmCacheCluster.Cli.Verbs;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Tests.Unit.Cli;

public class DrainProgressSpecs
{
    [Fact]
    public void Waits_for_shares_of_totals_that_others_can_make()
    {
        Assert.Equal("waiting for other hosts to make a's share of web (2), big (1)", DrainProgress.Shares(Cluster(HostState.Up), "a"));
        Assert.Null(DrainProgress.Shares(Cluster(HostState.Cordoned), "a"));
        Assert.Null(DrainProgress.Shares(Cluster(HostState.Up), "b"));
    }

    [Fact]
    public void Waits_for_leases_and_for_a_host_that_is_not_reached()
    {
        Assert.Equal("waiting for VMs of a that are leased: web (3), own (1)", DrainProgress.Leases(Cluster(HostState.Up), "a"));
        Assert.Null(DrainProgress.Leases(Cluster(HostState.Up), "b"));
        Assert.Equal("b is not reached now; waiting for it", DrainProgress.Leases(Cluster(HostState.Unreachable), "b"));
        Assert.Equal("c is not reached now; waiting for it", DrainProgress.Leases(Cluster(HostState.Up), "c"));
    }

    private static ClusterStatus Cluster(HostState b) => new()
    {
        Hosts =
        {
            new Host
            {
                Node = "a", State = HostState.Cordoned,
                Pools =
                {
                    new HostPool { Pool = "web", Shared = true, Target = 2, Leased = 3 },
                    new HostPool { Pool = "own", Target = 5, Leased = 1 },
                    new HostPool { Pool = "big", Shared = true, Target = 1 },
                },
            },
            new Host { Node = "b", State = b, Pools = { new HostPool { Pool = "own", Target = 5 } } },
        },
    };
}
