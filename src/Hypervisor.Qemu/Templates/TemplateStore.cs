using System.Collections.Concurrent;
using System.Globalization;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Files;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Templates as files that outlive the daemon, each loaded once into sealed memory that all its clones map.</summary>
public sealed class TemplateStore(
    string directory, QemuHypervisorOptions options, ThrowAwayVms vms, IHostClock clock, TimeProvider time) : ITemplates, ITemplateLender, IDisposable
{
    private const long MiB = 1024 * 1024;

    private readonly TemplateDirectory _directory = new(directory);
    private readonly TemplateKey _key = new();
    private readonly VmStarter _starter = new(options, clock);
    private readonly TemplateMaker _maker = new(options, vms);
    private readonly ConcurrentDictionary<TemplateDigest, LoadedTemplate> _loaded = new();
    /// <summary>What each pool's clones start from; it stays so until there is a successor.</summary>
    private readonly ConcurrentDictionary<PoolName, TemplateDigest> _wanted = new();
    private readonly ConcurrentDictionary<TemplateDigest, SemaphoreSlim> _makers = new();
    private readonly Lock _loading = new();
    /// <summary>A sweep holds each template for a moment: that is nobody who makes it.</summary>
    private readonly Lock _sweeping = new();

    /// <inheritdoc/>
    public Task<Template?> FindAsync(VmSpec spec, CancellationToken cancel) => Task.Run(() => OnHost(() =>
    {
        var digest = _key.Of(spec);
        // Pools of one digest share what one of them has loaded.
        lock (_loading)
        {
            if (!_loaded.ContainsKey(digest) && Load(digest, cancel) is { } fresh) _loaded[digest] = fresh;
        }

        if (!_loaded.TryGetValue(digest, out var loaded)) return null;
        _wanted[spec.Pool] = digest;
        return loaded.Template;
    }), cancel);

    private LoadedTemplate? Load(TemplateDigest digest, CancellationToken cancel)
    {
        var versions = _directory.Versions(digest);
        if (versions.Count == 0) return null;
        try
        {
            var loaded = TemplateFiles.Load(versions[0], digest, cancel);
            TemplateDirectory.Use(versions[0], time.GetUtcNow());
            return loaded;
        }
        catch (Exception fault) when (fault is InvalidDataException or FileNotFoundException)
        {
            // It would be no better the next time.
            TreeRemover.Remove(versions[0]);
            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"the template {versions[0]} is of no use and was removed: {fault.Message}"), fault);
        }
    }

    /// <inheritdoc/>
    public async Task<Template> MakeAsync(VmSpec spec, TimeSpan limit, CancellationToken cancel)
    {
        var digest = await KeyAsync(spec, cancel).ConfigureAwait(false);
        return (await OnceAsync(spec, digest, draft => MakeAsync(spec, digest, draft, limit, cancel), cancel).ConfigureAwait(false)).Template;
    }

    private async Task<LoadedTemplate> MakeAsync(
        VmSpec spec, TemplateDigest digest, string draft, TimeSpan limit, CancellationToken cancel)
    {
        var (memory, bytes) = await _maker.SaveAsync(spec, TemplateFiles.State(draft), limit, cancel).ConfigureAwait(false);
        MemoryFile? state = null;
        try
        {
            state = OnHost(() => TemplateFiles.InMemory(bytes));
            var madeAt = time.GetUtcNow();
            await ProveAsync(spec, digest, memory, state, limit, cancel).ConfigureAwait(false);
            var description = await Task.Run(() => OnHost(() => TemplateFiles.Write(draft, digest, madeAt, memory, bytes, cancel)), cancel).ConfigureAwait(false);
            return new LoadedTemplate(description, memory, state);
        }
        catch
        {
            memory.Dispose();
            state?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<TakenTemplate?> TakeAsync(
        VmSpec spec, ITemplatePeers peers, DateTimeOffset notBefore, TimeSpan limit, CancellationToken cancel)
    {
        var digest = await KeyAsync(spec, cancel).ConfigureAwait(false);
        var holders = await peers.FindAsync(digest, cancel).ConfigureAwait(false);
        if (holders.Count == 0) return null;
        var (from, told) = (time.GetTimestamp(), "taken by another pool of this host");
        var taken = await OnceAsync(spec, digest, async draft =>
        {
            var (loaded, wire) = await TakeAsync(spec, digest, draft, holders, notBefore, limit, cancel).ConfigureAwait(false);
            told = string.Create(CultureInfo.InvariantCulture, $"taken from {loaded.Description.From} in {time.GetElapsedTime(from).TotalSeconds:0.0} s, {wire / (double)MiB:0.0} MiB over the wire");
            return loaded;
        }, cancel).ConfigureAwait(false);
        return new TakenTemplate(taken.Template, told);
    }

    private async Task<(LoadedTemplate Loaded, long WireBytes)> TakeAsync(
        VmSpec spec, TemplateDigest digest, string draft, IReadOnlyList<ITemplatePeer> holders, DateTimeOffset notBefore, TimeSpan limit,
        CancellationToken cancel)
    {
        var transfer = new TemplateTransfer(digest, spec.MemoryMiB * MiB, notBefore, draft, time);
        var sent = await transfer.RunAsync(holders, cancel).ConfigureAwait(false);
        // A clock that is ahead would keep it from being renewed.
        var madeAt = sent.Offer.MadeAt < time.GetUtcNow() ? sent.Offer.MadeAt : time.GetUtcNow();
        var loaded = await Task.Run(() => OnHost(() =>
        {
            TemplateFiles.Write(draft, digest, madeAt, sent.Offer, sent.From);
            return LoadTaken(draft, digest, sent.From, cancel);
        }), cancel).ConfigureAwait(false);
        try
        {
            await ProveAsync(spec, digest, loaded.Memory, loaded.State, limit, cancel).ConfigureAwait(false);
            return (loaded, sent.WireBytes);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static LoadedTemplate LoadTaken(string draft, TemplateDigest digest, string from, CancellationToken cancel)
    {
        try
        {
            return TemplateFiles.Load(draft, digest, cancel);
        }
        catch (InvalidDataException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"what {from} sent is of no use: {fault.Message}"), fault);
        }
    }

    private async Task ProveAsync(
        VmSpec spec, TemplateDigest digest, MemoryFile memory, MemoryFile state, TimeSpan limit, CancellationToken cancel)
    {
        if (await KeyAsync(spec, cancel).ConfigureAwait(false) != digest)
            throw new VmFailedException(new VmFailure(VmFailureKind.Cancelled, "a file that shapes the template was replaced while it was being made"));
        await _maker.ProveAsync(spec, memory, state, limit, cancel).ConfigureAwait(false);
    }

    private Task<TemplateDigest> KeyAsync(VmSpec spec, CancellationToken cancel) => Task.Run(() => OnHost(() => _key.Of(spec)), cancel);

    /// <summary>One at a time gets a template, of all pools and processes.</summary>
    /// <param name="obtain">Completes a draft.</param>
    private async Task<LoadedTemplate> OnceAsync(VmSpec spec, TemplateDigest digest, Func<string, Task<LoadedTemplate>> obtain, CancellationToken cancel)
    {
        _loaded.TryGetValue(digest, out var known);
        var maker = _makers.GetOrAdd(digest, _ => new SemaphoreSlim(1));
        await maker.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            // Another pool of this digest may have got it meanwhile.
            var had = _loaded.TryGetValue(digest, out var now) && now != known ? now : await PublishAsync(digest, obtain, cancel).ConfigureAwait(false);
            _wanted[spec.Pool] = digest;
            return had;
        }
        finally
        {
            maker.Release();
        }
    }

    private async Task<LoadedTemplate> PublishAsync(TemplateDigest digest, Func<string, Task<LoadedTemplate>> obtain, CancellationToken cancel)
    {
        using var held = OnHost(() => TryLock(digest)) ?? throw new VmFailedException(new VmFailure(
            VmFailureKind.Host, $"another process is making the template in {directory}", "it will be found when it is done"));
        var draft = OnHost(() => _directory.NewDraft(digest));
        LoadedTemplate? loaded = null;
        try
        {
            loaded = await obtain(draft).ConfigureAwait(false);
            await Task.Run(() => OnHost(() =>
            {
                _directory.Publish(draft, digest, loaded.Template.MadeAt);
                return true;
            }), cancel).ConfigureAwait(false);
            // Clones of the one before keep its memory for as long as they live.
            _loaded.TryRemove(digest, out var before);
            before?.Dispose();
            return _loaded[digest] = loaded;
        }
        catch
        {
            loaded?.Dispose();
            // What cannot be removed now is removed by the next maker.
            if (Directory.Exists(draft)) TemplateDirectory.Remove(draft);
            throw;
        }
    }

    private IDisposable? TryLock(TemplateDigest digest)
    {
        lock (_sweeping) return _directory.TryLock(digest);
    }

    /// <inheritdoc/>
    public async Task<IVm> CloneAsync(VmId id, VmSpec spec, Template template, VmPriority priority, CancellationToken cancel)
    {
        if (!_loaded.TryGetValue(template.Digest, out var loaded))
            throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"template {template.Digest} is not loaded"));
        try
        {
            return await _starter.CloneAsync(id, spec, loaded.Memory, loaded.State, priority, cancel).ConfigureAwait(false);
        }
        catch (ObjectDisposedException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Cancelled, "its template was renewed in this moment"), fault);
        }
    }

    /// <inheritdoc/>
    public Task SweepAsync(TemplateLimits limits, CancellationToken cancel) => Task.Run(() => OnHost(() =>
    {
        var wanted = _wanted.Values.ToHashSet();
        foreach (var digest in _loaded.Keys.Where(d => !wanted.Contains(d)))
            if (_loaded.TryRemove(digest, out var unwanted)) unwanted.Dispose();
        lock (_sweeping) _directory.Sweep(wanted, limits, time.GetUtcNow());
        return true;
    }), cancel);

    public void Dispose()
    {
        foreach (var loaded in _loaded.Values) loaded.Dispose();
        _loaded.Clear();
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<TemplateDigest> Held => [.. _loaded.Keys];

    /// <inheritdoc/>
    public TemplateOffer? Offer(TemplateDigest digest) => Open(digest, loaded => loaded.Offer);

    /// <inheritdoc/>
    public IEnumerable<TemplatePiece>? Read(TemplateDigest digest, TemplateOffer offer, long from) => Open(digest, loaded =>
    {
        if (!loaded.Offer.IsSameAs(offer)) return null;
        var state = loaded.State.OpenToRead();
        try
        {
            return new TemplateImage(state, loaded.Memory.OpenToRead()).Pieces(from);
        }
        catch
        {
            state.Dispose();
            throw;
        }
    });

    private T? Open<T>(TemplateDigest digest, Func<LoadedTemplate, T?> open)
        where T : class
    {
        try
        {
            return _loaded.TryGetValue(digest, out var loaded) ? open(loaded) : null;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    private static T OnHost<T>(Func<T> action) => TemplateFailures.OnHost(action);
}
