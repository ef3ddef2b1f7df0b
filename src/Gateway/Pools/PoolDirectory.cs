using Akka.Actor;
using Akka.Hosting;
using Grpc.Core;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Gateway.Cluster;
using VmCacheCluster.Gateway.Configuration;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>
/// The pools that were applied: kept on disk, and made this host's. One change at a time; what cannot be kept or used changes nothing.
/// </summary>
public sealed class PoolDirectory(
    StartingPools start, PoolsFile file, HostPools pools, RolloutEnds ends, IRequiredActor<GatewayActor> gateway, PeerChannels peers, TimeProvider time,
    ILogger<PoolDirectory> log, ConnectionGates? gates = null)
    : BackgroundService, IAppliedPools
{
    /// <summary>Of a member's pools, with those that were deleted: more are no news but a flood.</summary>
    private const int MostOfPeer = 4096;

    private static readonly TimeSpan PullTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile PoolCatalog _catalog = start.Catalog;
    private volatile string _problem = start.Problem ?? "";

    public PoolCatalog Catalog => _catalog;

    /// <summary>The pools of this host's own configuration.</summary>
    public IReadOnlyList<PoolOptions> Own => start.Own;

    /// <summary>Why this host's pools are not all as they were applied; empty: they are.</summary>
    public string Problem => _problem;

    /// <summary>Applies new definitions.</summary>
    /// <param name="wanted">By name; null: it is deleted.</param>
    /// <param name="dryRun">Only says what would be.</param>
    /// <returns>What is wrong with them here; then nothing was changed.</returns>
    /// <exception cref="IOException">They could not be kept; then nothing was changed.</exception>
    public async Task<IReadOnlyList<ConfigurationFault>> ApplyAsync(IReadOnlyDictionary<PoolName, string?> wanted, bool dryRun, CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var next = _catalog.Merge(wanted.Select(w => Define(w.Key, w.Value)).OfType<PoolDefinition>());
            next = Alone(next);
            var loaded = start.Source.Load(next.Pools.Values.Select(p => (p.InEffect, p.Share)), "the pool file");
            if (loaded.Options is null)
            {
                // What cannot be used without them could not be used with them: nobody could get rid of it one by one.
                var deletes = wanted.Values.All(text => text is null);
                if (!deletes || start.Source.InEffect(_catalog).Options is not null) return loaded.Faults;
                var without = wanted.Keys.Aggregate(next, (catalog, name) => catalog.Reach(name));
                if (!dryRun) await KeepAsync(without, loaded.Faults, cancel).ConfigureAwait(false);
                return [];
            }

            // Nobody else would make them.
            if (!InCluster && loaded.Fewer is { } fewer && start.Source.InEffect(_catalog).Fewer is null)
                return [new ConfigurationFault("pools", "", fewer, "the pool file", "or lower total")];
            if (!dryRun) await TakeAsync(next, loaded, cancel).ConfigureAwait(false);
            return [];
        }
        finally
        {
            _turn.Release();
        }
    }

    public ulong Digest => PoolDefinition.Digest(_catalog.Definitions);

    /// <inheritdoc/>
    public IReadOnlyDictionary<PoolName, int> Totals => TotalsOf(_catalog);

    /// <inheritdoc/>
    public Task ShareAsync(IReadOnlyDictionary<PoolName, int> shares, CancellationToken cancel) => ChangeAsync(catalog => catalog.Share(shares), cancel);

    /// <inheritdoc/>
    public async Task PullAsync(NodeAddress peer, CancellationToken cancel)
    {
        GetPoolsResponse known;
        try
        {
            known = await new Admin.AdminClient(peers.To(peer)).GetPoolsAsync(new GetPoolsRequest { Deleted = true }, deadline: time.GetUtcNow().UtcDateTime + PullTimeout, cancellationToken: cancel);
        }
        catch (RpcException e)
        {
            throw new IOException(e.Status.Detail, e);
        }

        if (known.Pools.Count > MostOfPeer) throw new IOException($"it tells of {known.Pools.Count} pools, of at most {MostOfPeer}");
        var definitions = known.Pools.Where(p => PoolName.TryParse(p.Pool, out _)).Select(p => new PoolDefinition(new PoolName(p.Pool), p.Version, p.Text, p.Deleted)).ToList();
        await ChangeAsync(catalog => catalog.Merge(definitions), cancel).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stopping)
    {
        if (_problem.Length > 0) log.LogError("{Problem}", _problem);
        try
        {
            // The start began with what was proved before; what was under way goes on.
            await ChangeAsync(Alone, stopping, always: _catalog.Pools.Values.Any(p => p.InEffect != p.Reached)).ConfigureAwait(false);
            await foreach (var end in ends.Reader.ReadAllAsync(stopping).ConfigureAwait(false)) await ChangeAsync(catalog => Ended(catalog, end), stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private bool InCluster => start.Loaded.Options!.Cluster is not null;

    /// <summary>A host that is in no cluster keeps the whole total warm.</summary>
    private PoolCatalog Alone(PoolCatalog catalog) => InCluster ? catalog
        : catalog.Share(TotalsOf(catalog));

    private static Dictionary<PoolName, int> TotalsOf(PoolCatalog catalog)
        => catalog.Definitions.Select(d => (d.Name, Total: PoolFileReader.TotalOf(d))).Where(d => d.Total is not null).ToDictionary(d => d.Name, d => d.Total!.Value);

    /// <returns>Null: it is so already.</returns>
    private PoolDefinition? Define(PoolName name, string? text)
    {
        var known = _catalog.Pools.GetValueOrDefault(name);
        if (known is { Undone: null } && known.Wanted.Deleted == text is null && known.Wanted.Text == (text ?? "")) return null;
        if (known is null && text is null) return null;
        var version = Math.Max(time.GetUtcNow().ToUnixTimeMilliseconds(), (known?.Wanted.Version ?? 0) + 1);
        return new PoolDefinition(name, version, text ?? "", Deleted: text is null);
    }

    private PoolCatalog Ended(PoolCatalog catalog, RolloutEnd end)
    {
        if (pools.Find(end.Pool) is not { } options || SpecRevision.Of(options.Spec) != end.Revision) return catalog;
        return end.Undone is { } reason ? catalog.Undo(end.Pool, reason) : catalog.Reach(end.Pool);
    }

    /// <param name="always">Also when that changes nothing.</param>
    private async Task ChangeAsync(Func<PoolCatalog, PoolCatalog> change, CancellationToken cancel, bool always = false)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var next = change(_catalog);
            if (ReferenceEquals(next, _catalog) && !always) return;
            var loaded = start.Source.InEffect(next);
            if (loaded.Options is null)
            {
                await KeepAsync(next, loaded.Faults, cancel).ConfigureAwait(false);
                return;
            }

            await TakeAsync(next, loaded, cancel).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            Tell($"the pools that were applied cannot be kept: {e.Message}");
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>It is known, and told to others, all the same: they may be able to use it.</summary>
    private async Task KeepAsync(PoolCatalog next, IReadOnlyList<ConfigurationFault> faults, CancellationToken cancel)
    {
        var why = ConfigurationReport.Format(faults).TrimEnd();
        Tell($"pools that were applied cannot be used on this host, which goes on with those it has: {why}");
        await file.WriteAsync(next, cancel).ConfigureAwait(false);
        _catalog = next;
    }

    private void Tell(string problem)
    {
        if (_problem != problem) log.LogError("{Problem}", problem);
        _problem = problem;
    }

    private async Task TakeAsync(PoolCatalog next, ConfigurationResult loaded, CancellationToken cancel)
    {
        var options = loaded.Options!.Pools;
        // A new definition that makes the same VMs as before, or of which there were none before, has nothing to go back to.
        foreach (var pool in next.Pools.Values.Where(p => p.Wanted != _catalog.Pools.GetValueOrDefault(p.Wanted.Name)?.Wanted))
        {
            var (before, after) = (pools.Find(pool.Wanted.Name), options.FirstOrDefault(o => o.Name == pool.Wanted.Name));
            if (before is null || after is null || before.Spec == after.Spec) next = next.Reach(pool.Wanted.Name);
        }

        await file.WriteAsync(next, cancel).ConfigureAwait(false);
        _catalog = next;
        pools.Now = options;
        if (loaded.Descriptors is { } descriptors) gates?.Change(descriptors.Connections);
        try
        {
            await gateway.ActorRef.Ask<PoolsApplied>(new ApplyPools(options), Timeout, cancel).ConfigureAwait(false);
        }
        catch (AskTimeoutException e)
        {
            throw new IOException($"this host was told of its pools, and did not take them within {Timeout.TotalSeconds:0} s", e);
        }

        if (loaded.Fewer is { } fewer) Tell(fewer);
        else _problem = "";
    }
}
