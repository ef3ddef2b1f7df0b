using Microsoft.Extensions.Logging.Abstractions;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;
using VmCacheCluster.Gateway.Pools;
using VmCacheCluster.Tests.Unit.Gateway.Services;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Gateway;

/// <summary>Pools that are applied, on a host whose daemon may have so many descriptors.</summary>
public sealed class PoolDirectorySpecs : IAsyncLifetime
{
    private static readonly PoolName Web = new("web"), Job = new("job");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vmpd");
    private readonly ScriptedGateway _gateway = new() { OnMessage = message => message is ApplyPools ? PoolsApplied.Instance : null };
    private readonly List<PoolDirectory> _running = [];
    private ConnectionGates? _gates;
    private int _limit = 1024;

    private string State => Path.Combine(_directory.FullName, "state");

    private PoolsFile Kept => new(State);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var directory in _running) await directory.StopAsync(CancellationToken.None);
        await _gateway.DisposeAsync();
        _directory.Delete(true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refuses_a_pool_for_which_there_are_too_few_descriptors_also_when_it_is_only_asked(bool dryRun)
    {
        var directory = Start();

        var fault = Assert.Single(await directory.ApplyAsync(Pools((Web, "vm-cache-number = 100")), dryRun, default));

        Assert.All(["1024", "vm-cache-number 101", "boot-parallelism"], w => Assert.Contains(w, fault.Reason, StringComparison.Ordinal));
        Assert.All(["LimitNOFILE=", "ulimit -n", "lower vm-cache-number"], w => Assert.Contains(w, fault.Remedy, StringComparison.Ordinal));
        Assert.Contains("web", fault.Source, StringComparison.Ordinal);
        Assert.Empty(directory.Catalog.Pools);
        Assert.Empty(_gateway.Messages);
    }

    [Fact]
    public async Task Gives_callers_fewer_connections_when_pools_keep_more_descriptors()
    {
        var directory = Start();
        var before = _gates!.Local.Limit;

        Assert.Empty(await directory.ApplyAsync(Pools((Web, "vm-cache-number = 40")), dryRun: false, default));

        Assert.Equal(before - 40 * 10 / 2, _gates.Local.Limit);
        Assert.Empty(await directory.ApplyAsync(Pools((Web, null)), dryRun: false, default));
        Assert.Equal(before, _gates.Local.Limit);
    }

    [Fact]
    public async Task Starts_with_the_hosts_own_pools_and_tells_it_when_applied_ones_need_too_many_descriptors()
    {
        await Start().ApplyAsync(Pools((Web, "vm-cache-number = 30"), (Job, "vm-cache-number = 1")), dryRun: false, default);
        _limit = 512;

        var start = Read();

        Assert.Equal([PoolName.Default], start.Loaded.Options!.Pools.Select(p => p.Name));
        Assert.NotNull(start.Loaded.Descriptors);
        string[] told = ["cannot be used on this host", "512", "vm-cache-number 32", "LimitNOFILE="];
        Assert.All(told, w => Assert.Contains(w, start.Problem, StringComparison.Ordinal));
        _limit = 1024;
        Assert.Null(Read().Problem);
    }

    [Fact]
    public async Task Deletes_one_after_the_other_though_what_is_left_cannot_be_used()
    {
        await Start().ApplyAsync(Pools((Web, "vm-cache-number = 30"), (Job, "vm-cache-number = 31")), dryRun: false, default);
        _limit = 512;
        var directory = Start();
        Assert.NotEmpty(await directory.ApplyAsync(Pools((Web, "vm-cache-number = 29")), dryRun: false, default));

        Assert.Empty(await directory.ApplyAsync(Pools((Web, null)), dryRun: false, default));
        Assert.Contains("vm-cache-number 32", directory.Problem, StringComparison.Ordinal);
        Assert.Empty(await directory.ApplyAsync(Pools((Job, null)), dryRun: false, default));

        Assert.Empty(directory.Problem);
        Assert.Null(Read().Problem);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Keeps_less_of_a_total_than_its_share_when_it_may_have_no_more_descriptors_and_tells_it(bool restarts)
    {
        var directory = Start(cluster: true);
        Assert.Empty(await directory.ApplyAsync(Pools((Web, "total = 100")), dryRun: false, default));

        await directory.ShareAsync(new Dictionary<PoolName, int> { [Web] = 100 }, default);
        if (restarts) directory = Start(cluster: true);

        var pools = restarts ? Read(cluster: true).Loaded.Options!.Pools : _gateway.Messages.OfType<ApplyPools>().Last().Pools;
        var kept = pools.Single(p => p.Name == Web).VmCacheNumber;
        Assert.InRange(kept, 1, 99);
        Assert.Contains($"{kept} of 100 of pool web", directory.Problem, StringComparison.Ordinal);
        Assert.Contains("LimitNOFILE=", directory.Problem, StringComparison.Ordinal);
        await directory.ShareAsync(new Dictionary<PoolName, int> { [Web] = 3 }, default);
        Assert.Empty(directory.Problem);
    }

    [Fact]
    public async Task Refuses_a_total_on_a_host_without_a_cluster_that_may_have_too_few_descriptors_for_it()
    {
        var fault = Assert.Single(await Start().ApplyAsync(Pools((Web, "total = 100")), dryRun: true, default));

        Assert.Contains("of 100 of pool web", fault.Reason, StringComparison.Ordinal);
        Assert.Contains("1024", fault.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refuses_pools_that_have_more_text_than_the_next_start_and_members_read()
    {
        var directory = Start();
        var text = $"# {new string('x', 1000 * 1000)}";
        Assert.Empty(await directory.ApplyAsync(Pools((Web, text), (Job, text)), dryRun: false, default));

        var fault = Assert.Single(await directory.ApplyAsync(Pools((new PoolName("third"), text)), dryRun: true, default));

        Assert.Contains("bytes, of at most", fault.Reason, StringComparison.Ordinal);
        Assert.Equal(2, Kept.Read().Pools.Count);
    }

    private static ClusterOptions Cluster { get; } = new()
    {
        Name = "c", Node = new NodeName("n"), Listen = new NodeAddress("127.0.0.1", 1), Advertise = new NodeAddress("127.0.0.1", 1), PeerPort = 2,
        Seeds = [], SplitStableAfter = TimeSpan.FromSeconds(1), AcceptablePause = TimeSpan.FromSeconds(1), MaxClockSkew = TimeSpan.FromSeconds(1),
    };

    private static Dictionary<PoolName, string?> Pools(params (PoolName Name, string? Text)[] pools)
        => pools.ToDictionary(p => p.Name, p => p.Text is null ? null : p.Text + "\n");

    private StartingPools Read(bool cluster = false)
        => StartingPools.Read(new PoolSource(applied => DescriptorCheck.Of(Load(applied, cluster), _limit)));

    /// <summary>A daemon's, with one warm VM of its own configuration.</summary>
    private PoolDirectory Start(bool cluster = false)
    {
        var start = Read(cluster);
        _gates = new ConnectionGates(start.Loaded.Descriptors!.Connections, TimeProvider.System, NullLogger.Instance);
        var directory = new PoolDirectory(
            start, Kept, new HostPools(start.Loaded.Options!.Pools, start.Loaded.Kata), new RolloutEnds(), _gateway, null!, TimeProvider.System,
            NullLogger<PoolDirectory>.Instance, _gates);
        _running.Add(directory);
        return directory;
    }

    private ConfigurationResult Load(IReadOnlyList<AppliedPool> applied, bool cluster)
    {
        var file = Path.Combine(_directory.FullName, "vmcache.conf");
        File.WriteAllText(file, $$"""
            vmcache {
              state-dir = "{{State}}"
              boot-parallelism = 2
              max-connections = 100000
              pool-defaults { vm-cache-number = 1, memory = 64MiB }
            }
            """);
        var loaded = ConfigurationLoader.Load(
            new CommandLineValues { Config = file }, new Dictionary<string, string>(), new HostFacts(8, 64 * 1024, "/guest", "/none"),
            applied: applied);
        return cluster && loaded.Options is { } options ? loaded with { Options = options with { Cluster = Cluster } } : loaded;
    }
}
