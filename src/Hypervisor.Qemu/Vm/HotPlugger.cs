using System.Globalization;
using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// Plugs vCPUs and memory into a VM. What QEMU says that the VM has counts, not what was asked for: a command that was not
/// answered may have been carried out all the same.
/// </summary>
internal sealed class HotPlugger(SupervisorMonitor monitor, VmFacts facts)
{
    private readonly Lock _gate = new();
    private readonly VmSpec _spec = facts.Spec;
    private VmSize _size = new(facts.Spec.Cpus, facts.Spec.MemoryMiB);

    public VmSize Size
    {
        get { lock (_gate) return _size; }
    }

    /// <summary>Asks QEMU, since the process that plugged last may have died before it recorded what came of it.</summary>
    public async Task LearnAsync(VmSize? recorded, CancellationToken cancel)
    {
        lock (_gate) _size = recorded ?? _size;
        Resize(await monitor.SizeAsync(cancel).ConfigureAwait(false));
    }

    public async Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel)
    {
        var before = Size.Cpus;
        if (before + count > _spec.MaxCpus) return new HotPlug(count, 0, TooManyCpus(before, count));
        try
        {
            var places = await PlacesAsync(cancel).ConfigureAwait(false);
            var free = places.Where(p => !SupervisorMonitor.IsTaken(p)).Take(count).ToList();
            foreach (var place in free)
            {
                await AddCpuAsync(place, Size.Cpus, cancel).ConfigureAwait(false);
                Resize(Size with { Cpus = Size.Cpus + 1 });
            }
            return free.Count == count ? new HotPlug(count, count, null) : new HotPlug(count, free.Count, TooManyCpus(before, count));
        }
        catch (Exception fault) when (fault is VmFailedException or OperationCanceledException)
        {
            await MeasureAsync().ConfigureAwait(false);
            return Outcome(count, Size.Cpus - before, fault, "vCPUs");
        }
    }

    /// <param name="mebibytes">Whole blocks of the guest's.</param>
    public async Task<HotPlug> AddMemoryAsync(int mebibytes, CancellationToken cancel)
    {
        var before = Size.MemoryMiB;
        if (_spec.MemorySlots == 0 || before + mebibytes > _spec.MaxMemoryMiB) return new HotPlug(mebibytes, 0, TooMuchMemory(before, mebibytes));
        try
        {
            await AddDimmAsync(await NextMemoryAsync(cancel).ConfigureAwait(false), mebibytes, cancel).ConfigureAwait(false);
            Resize(Size with { MemoryMiB = before + mebibytes });
            return new HotPlug(mebibytes, mebibytes, null);
        }
        catch (Exception fault) when (fault is VmFailedException or OperationCanceledException)
        {
            await MeasureAsync().ConfigureAwait(false);
            return Outcome(mebibytes, Size.MemoryMiB - before, fault, "MiB of memory");
        }
    }

    private async Task<List<JsonElement>> PlacesAsync(CancellationToken cancel)
    {
        var places = await monitor.ExecuteAsync("query-hotpluggable-cpus", null, cancel).ConfigureAwait(false);
        // QEMU names the last socket first.
        return [.. places.EnumerateArray().Reverse()];
    }

    private Task AddCpuAsync(JsonElement place, int number, CancellationToken cancel) => monitor.ExecuteAsync("device_add", json =>
    {
        json.WriteString("driver", place.GetProperty("type").GetString());
        json.WriteString("id", $"cpu-{number}");
        foreach (var property in place.GetProperty("props").EnumerateObject()) property.WriteTo(json);
    }, cancel);

    private async Task AddDimmAsync(int number, int mebibytes, CancellationToken cancel)
    {
        var (memory, dimm) = ($"mem-{number}", $"dimm-{number}");
        await monitor.ExecuteAsync("object-add", json =>
        {
            json.WriteString("qom-type", "memory-backend-ram");
            json.WriteString("id", memory);
            json.WriteNumber("size", (long)mebibytes * 1024 * 1024);
        }, cancel).ConfigureAwait(false);
        try
        {
            await monitor.ExecuteAsync("device_add", json =>
            {
                json.WriteString("driver", "pc-dimm");
                json.WriteString("id", dimm);
                json.WriteString("memdev", memory);
            }, cancel).ConfigureAwait(false);
        }
        catch (VmFailedException fault) when (fault.InnerException is QmpCommandException)
        {
            await monitor.ExecuteAsync("object-del", json => json.WriteString("id", memory), CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>One more than the highest number that any memory of ours has, plugged or not.</summary>
    private async Task<int> NextMemoryAsync(CancellationToken cancel)
    {
        var backends = await monitor.ExecuteAsync("query-memdev", null, cancel).ConfigureAwait(false);
        return backends.EnumerateArray()
            .Select(b => b.TryGetProperty("id", out var id) && id.GetString() is { } text && text.StartsWith("mem-", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
            .Prepend(0).Max() + 1;
    }

    private async Task MeasureAsync()
    {
        try
        {
            Resize(await monitor.SizeAsync(CancellationToken.None).ConfigureAwait(false));
        }
        catch (VmFailedException)
        {
            // The monitor is gone, and with it what could be known.
        }
    }

    private void Resize(VmSize size)
    {
        lock (_gate)
        {
            if (_size == size) return;
            _size = size;
        }
        try
        {
            VmRecordFile.Write(facts, size);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // At a take-over QEMU itself is asked: the record is only for whoever looks before that.
        }
    }

    private VmFailure TooManyCpus(int before, int count) => new(VmFailureKind.Configuration,
        $"{count} vCPUs cannot be added: the VM has {before} and takes at most {_spec.MaxCpus}", "raise the pool's max-cpus, or ask for less");

    private VmFailure TooMuchMemory(int before, int mebibytes) => new(VmFailureKind.Configuration,
        _spec.MemorySlots == 0
            ? $"{mebibytes} MiB cannot be added: the VM has no memory slots"
            : $"{mebibytes} MiB cannot be added: the VM has {before} MiB and takes at most {_spec.MaxMemoryMiB} MiB",
        _spec.MemorySlots == 0 ? "set the pool's memory-slots" : "raise the pool's max-memory, or ask for less");

    private static HotPlug Outcome(int wanted, int done, Exception fault, string what) => new(wanted, done, done >= wanted ? null : fault switch
    {
        VmFailedException { InnerException: QmpCommandException refused } => new VmFailure(VmFailureKind.Host,
            $"QEMU plugged {done} of {wanted} {what}: {refused.Desc}",
            "see what the host has left, and the pool's memory-slots and max-memory"),
        VmFailedException failed => failed.Failure,
        _ => new VmFailure(VmFailureKind.Cancelled, $"the plugging of {wanted} {what} was given up after {done}"),
    });
}
