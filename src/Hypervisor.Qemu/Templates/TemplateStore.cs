using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Templates as files that outlive the daemon, each loaded once into sealed memory that all its clones map.</summary>
public sealed class TemplateStore(string directory, QemuHypervisorOptions options, IHostClock clock, TimeProvider time) : ITemplates, IDisposable
{
    private const long MiB = 1024 * 1024;

    private readonly TemplateDirectory _directory = new(directory);
    private readonly TemplateKey _key = new();
    private readonly VmStarter _starter = new(options, clock);
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
            Directory.Delete(versions[0], recursive: true);
            throw new VmFailedException(new VmFailure(VmFailureKind.Host, $"the template {versions[0]} is of no use and was removed: {fault.Message}"), fault);
        }
    }

    /// <inheritdoc/>
    public async Task<Template> MakeAsync(VmSpec spec, CancellationToken cancel)
    {
        var digest = await Task.Run(() => OnHost(() => _key.Of(spec)), cancel).ConfigureAwait(false);
        _loaded.TryGetValue(digest, out var known);
        var maker = _makers.GetOrAdd(digest, _ => new SemaphoreSlim(1));
        await maker.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            // Another pool of this digest may have made it meanwhile.
            var made = _loaded.TryGetValue(digest, out var now) && now != known ? now.Template : await MakeAsync(spec, digest, cancel).ConfigureAwait(false);
            _wanted[spec.Pool] = digest;
            return made;
        }
        finally
        {
            maker.Release();
        }
    }

    private async Task<Template> MakeAsync(VmSpec spec, TemplateDigest digest, CancellationToken cancel)
    {
        using var held = OnHost(() => TryLock(digest)) ?? throw new VmFailedException(new VmFailure(
            VmFailureKind.Host, $"another process is making the template in {directory}", "it will be found when it is done"));
        var draft = OnHost(() => _directory.NewDraft(digest));
        LoadedTemplate? made = null;
        try
        {
            var (memory, state) = await SaveAsync(spec, TemplateFiles.State(draft), cancel).ConfigureAwait(false);
            if (OnHost(() => _key.Of(spec)) != digest)
                throw new VmFailedException(new VmFailure(VmFailureKind.Cancelled, "a file that shapes the template was replaced while it was being made"));
            var madeAt = time.GetUtcNow();
            made = new LoadedTemplate(new Template(digest, madeAt, 0), memory, OnHost(() => TemplateFiles.InMemory(state)));
            await ProveAsync(spec, made, cancel).ConfigureAwait(false);
            var template = await Task.Run(() => OnHost(() =>
            {
                var written = TemplateFiles.Write(draft, digest, madeAt, memory, state, cancel);
                _directory.Publish(draft, digest, madeAt);
                return written;
            }), cancel).ConfigureAwait(false);
            // Clones of the one before keep its memory for as long as they live.
            _loaded.TryRemove(digest, out var before);
            before?.Dispose();
            _loaded[digest] = made with { Template = template };
            return template;
        }
        catch
        {
            made?.Dispose();
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

    /// <summary>Boots a VM in memory that is kept, and saves it when its agent has settled.</summary>
    private async Task<(MemoryFile Memory, byte[] State)> SaveAsync(VmSpec spec, string stateFile, CancellationToken cancel)
    {
        var memory = OnHost(() => MemoryFile.Create("vmcache-template", spec.MemoryMiB * MiB));
        try
        {
            var vm = await _starter.BootInAsync(VmId.New(), spec, memory, cancel).ConfigureAwait(false);
            await using (vm.ConfigureAwait(false))
            {
                try
                {
                    await vm.WaitForAgentAsync(cancel).ConfigureAwait(false);
                    await SettleAsync(vm, cancel).ConfigureAwait(false);
                    await vm.PauseAsync(cancel).ConfigureAwait(false);
                    await vm.SaveTemplateAsync(stateFile, cancel).ConfigureAwait(false);
                }
                finally
                {
                    await vm.StopAsync(CancellationToken.None).ConfigureAwait(false);
                }
            }

            // Only now nobody has it mapped for writing.
            await Task.Run(() => OnHost(() =>
            {
                memory.DropZeros();
                memory.Seal();
                return true;
            }), cancel).ConfigureAwait(false);
            return (memory, OnHost(() => File.ReadAllBytes(stateFile)));
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>A new client of its channel has an answer: the agent has seen the last one leave, and waits for the next.</summary>
    private async Task SettleAsync(QemuVm vm, CancellationToken cancel)
    {
        await AgentProbe.IdentifyAsync(vm.Facts, options.AgentDeadline, cancel).ConfigureAwait(false);
        var guest = await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
        await guest.DisposeAsync().ConfigureAwait(false);
    }

    private async Task ProveAsync(VmSpec spec, LoadedTemplate made, CancellationToken cancel)
    {
        var clone = await _starter.CloneAsync(VmId.New(), spec, made.Memory, made.State, VmPriority.Background, cancel).ConfigureAwait(false);
        await using (clone.ConfigureAwait(false))
        {
            try
            {
                await clone.ResumeAsync(cancel).ConfigureAwait(false);
                var guest = await clone.OpenGuestAsync(cancel).ConfigureAwait(false);
                await guest.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                await clone.StopAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private static T OnHost<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (InvalidDataException fault)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, $"templates cannot be kept: {fault.Message}",
                "give the daemon a template directory of its own"), fault);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From("the template", fault), fault);
        }
    }
}
