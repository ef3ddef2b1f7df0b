using VmCacheCluster.Domain;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>A total of warm VMs is shared out over the hosts that there are.</summary>
public sealed class CapacitySpecs : IAsyncLifetime
{
    private static readonly PoolName Web = new("web");

    private readonly ClusterHosts _hosts = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _hosts.DisposeAsync().AsTask();

    [Fact]
    public async Task Shares_out_a_total_and_again_when_hosts_go_or_are_to_have_none()
    {
        var (a, b, c) = await ThreeAsync(9);
        await ShareAsync(a, "a 3, b 3, c 3");

        // It is away for longer than a restart takes.
        await c.KillAsync();
        await ShareAsync(a, "a 5, b 4");

        c.StartAgain();
        await ShareAsync(a, "a 3, b 3, c 3");

        await b.IsInAsync(HostState.Cordoned);
        await ShareAsync(a, "a 5, b 0, c 4");

        await b.IsInAsync(HostState.Up);
        await ShareAsync(a, "a 3, b 3, c 3");
    }

    [Fact]
    public async Task Goes_on_when_the_host_that_deals_is_gone()
    {
        // The first one founded the cluster, and is the oldest.
        var (a, b, c) = await ThreeAsync(4);
        await ShareAsync(b, "a 2, b 1, c 1");

        await a.KillAsync();
        await ShareAsync(b, "b 2, c 2");

        foreach (var host in new[] { b, c }) await host.Applied.ApplyAsync("web", 8);
        await ShareAsync(c, "b 4, c 4");
    }

    private static Task ShareAsync(ClusterHost seer, string shares)
        => Eventually.Async(async () => await SharesAsync(seer) == shares, $"{seer.Plan.Node} sees that {shares} are kept", () => SharesAsync(seer).Result);

    private static async Task<string> SharesAsync(ClusterHost seer) => string.Join(", ", (await seer.SeenAsync()).Members
        .Select(m => m.Capacity).OfType<HostCapacity>().Where(h => h.Of(Web) is not null).OrderBy(h => h.Node.Value).Select(h => $"{h.Node} {h.Of(Web)!.Target}"));

    private async Task<(ClusterHost A, ClusterHost B, ClusterHost C)> ThreeAsync(int total)
    {
        var a = _hosts.Start("a", [], bootstrap: true);
        await a.IsMemberOfAsync(1);
        var (b, c) = (_hosts.Start("b", [a.At]), _hosts.Start("c", [a.At]));
        foreach (var host in new[] { a, b, c }) await host.IsMemberOfAsync(3);
        foreach (var host in new[] { a, b, c }) await host.Applied.ApplyAsync("web", total);
        return (a, b, c);
    }
}
