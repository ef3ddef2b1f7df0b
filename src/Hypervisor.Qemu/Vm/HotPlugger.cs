using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// Plugs vCPUs and memory into a VM. What QEMU says that the VM has counts, not what was asked for: a command that was not
/// answered may have been carried out all the same.
/// </summary>
internal sealed class HotPlugger(SupervisorMonitor monitor, VmFacts facts, VmRecords records, VmGroup group)
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
            var slots = HotPlugCommands.FreeCpuSlots(await monitor.ExecuteAsync(HotPlugCommands.CpuSlots, null, cancel).ConfigureAwait(false));
            var free = slots.Take(count).ToList();
            group.Fit(Size with { Cpus = before + free.Count });
            foreach (var slot in free)
            {
                await monitor.ExecuteAsync(HotPlugCommands.AddDevice, HotPlugCommands.Cpu(slot, $"cpu-{Size.Cpus}"), cancel).ConfigureAwait(false);
                Resize(Size with { Cpus = Size.Cpus + 1 });
            }
            return free.Count == count ? new HotPlug(count, count, null) : new HotPlug(count, free.Count, TooManyCpus(before, count));
        }
        catch (Exception fault) when (fault is VmFailedException or OperationCanceledException or FormatException)
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
            group.Fit(Size with { MemoryMiB = before + mebibytes });
            await AddDimmAsync(mebibytes, cancel).ConfigureAwait(false);
            Resize(Size with { MemoryMiB = before + mebibytes });
            return new HotPlug(mebibytes, mebibytes, null);
        }
        catch (Exception fault) when (fault is VmFailedException or OperationCanceledException or FormatException)
        {
            await MeasureAsync().ConfigureAwait(false);
            return Outcome(mebibytes, Size.MemoryMiB - before, fault, "MiB of memory");
        }
    }

    private async Task AddDimmAsync(int mebibytes, CancellationToken cancel)
    {
        var number = HotPlugCommands.NextMemory(await monitor.ExecuteAsync(HotPlugCommands.MemoryBackends, null, cancel).ConfigureAwait(false));
        await monitor.ExecuteAsync(HotPlugCommands.AddObject, HotPlugCommands.Memory(number, mebibytes), cancel).ConfigureAwait(false);
        try
        {
            await monitor.ExecuteAsync(HotPlugCommands.AddDevice, HotPlugCommands.Dimm(number), cancel).ConfigureAwait(false);
        }
        catch (VmFailedException fault) when (fault.InnerException is QmpCommandException)
        {
            await monitor.ExecuteAsync(HotPlugCommands.DeleteObject, HotPlugCommands.NoMemory(number), CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>After a fault. What was not plugged needs no room in the VM's control group.</summary>
    private async Task MeasureAsync()
    {
        try
        {
            Resize(await monitor.SizeAsync(CancellationToken.None).ConfigureAwait(false));
            group.Fit(Size);
        }
        catch (VmFailedException)
        {
            // The monitor is gone, and with it what could be known; or the group keeps bounds that are wider than need be.
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
            records.Resize(size);
        }
        catch (VmFailedException)
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
        FormatException form => new VmFailure(VmFailureKind.Monitor, form.Message),
        _ => new VmFailure(VmFailureKind.Cancelled, $"the plugging of {wanted} {what} was given up after {done}"),
    });
}
