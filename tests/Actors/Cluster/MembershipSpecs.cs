using Akka.Actor;
using VmCacheCluster.Actors.Cluster;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Actors.Cluster;

/// <summary>Nodes come together, come apart, and come together again.</summary>
public sealed class MembershipSpecs : IAsyncLifetime
{
    private readonly ClusterHosts _hosts = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _hosts.DisposeAsync().AsTask();

    [Fact]
    public async Task Forms_a_cluster_only_where_it_was_asked_to()
    {
        var alone = _hosts.Start("a", []);
        await Eventually.Async(async () => (await alone.SeenAsync()).Reason.Contains("--bootstrap"), "it says how a cluster is formed");

        var first = _hosts.Start("b", [], bootstrap: true);
        await first.IsMemberOfAsync(1);

        Assert.Empty((await alone.SeenAsync()).ClusterId);
    }

    [Fact]
    public async Task Remembers_the_cluster_it_founded_as_soon_as_it_is_a_member()
    {
        var first = _hosts.Start("a", [], bootstrap: true, times: ClusterHosts.Times with { Remember = TimeSpan.FromHours(1) });
        await first.IsMemberOfAsync(1);
        await Eventually.Async(() => first.Disk.Memory is not null, "it remembers");
        Assert.Equal((await first.SeenAsync()).ClusterId, first.Disk.Memory!.ClusterId);

        // Ended long before it would remember who is there, and started with the same words.
        await first.KillAsync();
        first.StartAgain();
        await first.IsMemberOfAsync(1);
        Assert.Equal(first.Disk.Memory!.ClusterId, (await first.SeenAsync()).ClusterId);
        Assert.Equal([first.At], first.Disk.Memory.Members);
    }

    /// <summary>A member may lie about itself, and speaks for nobody else.</summary>
    [Fact]
    public async Task Does_not_take_a_report_under_anothers_name()
    {
        var a = _hosts.Start("a", [], bootstrap: true);
        await a.IsMemberOfAsync(1);
        await a.HasAsync("default", 3);
        var liar = _hosts.Start("b", [a.At], reportsAs: "a");
        await Eventually.Async(async () => (await a.SeenAsync()).Members.Count == 2, "it is a member");
        await liar.HasAsync("default", 70);
        // What it says later than this has come, too.
        var honest = _hosts.Start("c", [a.At]);
        await Eventually.Async(async () => (await honest.SeenAsync()).Members.Count == 3, "it is a member");
        await honest.HasAsync("default", 5);
        await Eventually.Async(async () => (await a.SeenAsync()).Members.Any(m => m.Capacity?.Node == new NodeName("c")), "it has heard of the third");

        foreach (var host in new[] { a, honest })
        {
            await Eventually.Async(async () => (await host.SeenAsync()).Members.Count(m => m.Capacity is not null) == 2, "it knows what two of them have");
            var seen = (await host.SeenAsync()).Members;
            Assert.Equal([3, 5], seen.Select(m => m.Capacity).OfType<HostCapacity>().Select(c => c.Pools.Single().Warm).Order());
            Assert.Equal(["a", "b", "c"], seen.Select(m => m.Name!.Value.Value));
        }
    }

    [Fact]
    public async Task Sees_what_every_host_has_and_what_changes()
    {
        var (a, b, c) = await ThreeAsync();
        await a.HasAsync("default", 3);
        await b.HasAsync("default", 1);
        await b.HasAsync("big", 7);

        foreach (var seer in new[] { a, b, c })
        {
            await Eventually.Async(
                async () => await WarmAsync(seer, "a", "default") == 3 && await WarmAsync(seer, "b", "default") == 1 && await WarmAsync(seer, "b", "big") == 7,
                $"{seer.Plan.Node} sees what a and b have");
        }

        await b.HasAsync("default", 0);
        await Eventually.Async(async () => await WarmAsync(c, "b", "default") == 0, "c sees that b has none left");
    }

    [Fact]
    public async Task Forgets_a_host_that_is_gone_and_knows_it_again_when_it_is_back()
    {
        var (a, b, c) = await ThreeAsync();
        await c.KillAsync();

        await a.IsMemberOfAsync(2);
        await b.IsMemberOfAsync(2);
        c.StartAgain();

        foreach (var host in new[] { a, b, c }) await host.IsMemberOfAsync(3);
        Assert.Equal((await a.SeenAsync()).ClusterId, (await c.SeenAsync()).ClusterId);
    }

    [Fact]
    public async Task Knows_the_name_of_a_host_that_has_left_also_when_it_is_started_anew()
    {
        var (a, b, c) = await ThreeAsync();
        var tag = c.Plan.Node.Tag;
        await c.LeaveAsync();
        await a.IsMemberOfAsync(2);
        await Eventually.Async(() => a.Disk.Memory is { Former: [{ Value: "c" }], Names.Count: 2 }, "a keeps its name", () => $"{a.Disk.Memory}");

        await a.KillAsync();
        a.StartAgain();
        foreach (var host in new[] { a, b }) await host.IsMemberOfAsync(2);

        var found = await a.Ports.Face.Placement!.Ask<HostFound>(new FindHost(tag), TimeSpan.FromSeconds(10));
        Assert.Equal(("c", null), (found.Name?.Value, found.Host));
        Assert.Equal((null, ""), await a.Ports.Face.Placement!.Ask<HostFound>(new FindHost("00000000"), TimeSpan.FromSeconds(10)) is var nobody ? (nobody.Name, nobody.Doubt) : default);
    }

    [Fact]
    public async Task Comes_together_again_by_itself_when_all_were_ended()
    {
        var (a, b, c) = await ThreeAsync();
        var id = (await a.SeenAsync()).ClusterId;
        await Eventually.Async(() => new[] { a, b, c }.All(h => h.Disk.Memory?.Members.Count == 3), "all remember all");
        var memory = a.Disk.Memory;
        foreach (var host in new[] { a, b, c })
        {
            await host.KillAsync();
            host.Disk.Memory = memory;
        }

        b.StartAgain();
        await Eventually.Async(async () => (await b.SeenAsync()).Reason.Contains("1 of the 3 members"), "one of three waits for the others");
        c.StartAgain();
        await b.IsMemberOfAsync(2);
        a.StartAgain();

        foreach (var host in new[] { a, b, c }) await host.IsMemberOfAsync(3);
        Assert.Equal(id, (await c.SeenAsync()).ClusterId);
    }

    [Fact]
    public async Task Makes_one_of_two_islands_of_one_cluster()
    {
        var (at, bt) = (FreePort.Address(), FreePort.Address());
        // One that found itself the last of its cluster, and knocks where the others are not yet.
        var island = _hosts.Start("z", [at], memory: self => new ClusterMemory("test", "f00", [self]));
        await island.IsMemberOfAsync(1);
        var a = _hosts.Start("a", [], with: o => o with { Listen = at, Advertise = at }, memory: _ => new ClusterMemory("test", "f00", [at, bt]));
        var b = _hosts.Start("b", [], with: o => o with { Listen = bt, Advertise = bt }, memory: _ => new ClusterMemory("test", "f00", [at, bt]));

        foreach (var host in new[] { a, b, island }) await host.IsMemberOfAsync(3);
        Assert.Equal([2, 1, 1], [island.Incarnations, a.Incarnations, b.Incarnations]);
        Assert.Equal("f00", (await island.SeenAsync()).ClusterId);
    }

    [Fact]
    public async Task Starts_its_part_anew_when_a_node_listens_and_never_answers()
    {
        var seed = FreePort.Address();
        var alone = _hosts.Start("a", [seed]);
        await Eventually.Async(async () => (await alone.SeenAsync()).Reason.Contains("nobody listens"), "it says so");
        Assert.Equal(1, alone.Incarnations);

        alone.Disk.Silence = new Silence("it listens and does not answer", Listens: true);
        await Eventually.Async(() => alone.Incarnations == 2, "another one knocks");

        // The seed has come to itself.
        _hosts.Start("s", [], bootstrap: true, with: o => o with { Listen = seed, Advertise = seed });
        await alone.IsMemberOfAsync(2);
    }

    [Fact]
    public void Waits_longer_each_time_for_a_node_that_does_not_answer()
    {
        var patience = new DoorPatience();
        int Rounds() => Enumerable.Range(1, 100).First(_ => patience.IsOver());

        Assert.Equal([4, 8, 16, 32, 64, 64], Enumerable.Range(0, 6).Select(_ => Rounds()));
        patience.Renew();
        Assert.Equal(4, Rounds());
    }

    [Fact]
    public async Task Is_missed_by_nobody_when_it_says_that_it_goes()
    {
        var (a, b, c) = await ThreeAsync();

        await c.LeaveAsync();

        foreach (var host in new[] { a, b }) await host.IsMemberOfAsync(2);
        Assert.Equal([1, 1], [a.Incarnations, b.Incarnations]);
    }

    [Theory]
    [InlineData("name", "this is the cluster \"test\", not \"other\"")]
    [InlineData("node", "called \"a\" too")]
    [InlineData("id", "it was in another cluster of this name")]
    public async Task Refuses_strangers_and_tells_them_why(string stranger, string why)
    {
        var a = _hosts.Start("a", [], bootstrap: true);
        await a.IsMemberOfAsync(1);
        var other = _hosts.Start(
            stranger == "node" ? "a" : "b", [a.At], with: o => stranger == "name" ? o with { Name = "other" } : o,
            memory: stranger == "id" ? self => new ClusterMemory("test", "0123", [self]) : null);

        await Eventually.Async(async () => (await other.SeenAsync()).Reason.Contains(why), $"it is told: {why}", () => other.SeenAsync().Result.Reason);
        Assert.Single((await a.SeenAsync()).Members);
    }

    private static async Task<int?> WarmAsync(ClusterHost seer, string node, string pool)
        => (await seer.SeenAsync()).Members.FirstOrDefault(m => m.Name?.Value == node)?.Capacity?.Of(new PoolName(pool))?.Warm;

    private async Task<(ClusterHost A, ClusterHost B, ClusterHost C)> ThreeAsync()
    {
        var a = _hosts.Start("a", [], bootstrap: true);
        var b = _hosts.Start("b", [a.At]);
        var c = _hosts.Start("c", [a.At]);
        foreach (var host in new[] { a, b, c }) await host.IsMemberOfAsync(3);
        return (a, b, c);
    }
}
