using Grpc.Core;
using VmCacheCluster.Agent;
using VmCacheCluster.Domain;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Client;

/// <summary>What a VM has, after it was to grow.</summary>
/// <param name="Cpus">vCPUs, all online in the guest.</param>
/// <param name="MemoryMiB">Memory, in MiB.</param>
public sealed record VmCapacity(int Cpus, int MemoryMiB);

/// <summary>Plugs vCPUs and memory into a VM that its holder runs, over the holder's own monitor, and has the guest use them.</summary>
public static class VmGrowth
{
    private const int MiB = 1024 * 1024;

    /// <summary>Returns when the guest has it all. A VM that has enough is left as it is; none is ever made smaller.</summary>
    /// <param name="qmp">The client's monitor, held no longer than this call.</param>
    /// <param name="agent">The agent's Unix socket, held no longer than this call.</param>
    /// <param name="now">What the VM has.</param>
    /// <param name="wanted">What it is to have at least; memory is rounded up to the guest's memory block.</param>
    /// <param name="limit">For all of it.</param>
    /// <exception cref="VmCacheException">QEMU or the guest refused; how far it came is unknown: release the VM.</exception>
    public static async Task<VmCapacity> RunAsync(
        string qmp, string agent, VmCapacity now, VmCapacity wanted, TimeSpan limit, CancellationToken cancel = default)
    {
        var (cpus, memory) = (Math.Max(0, wanted.Cpus - now.Cpus), Math.Max(0, wanted.MemoryMiB - now.MemoryMiB));
        if (cpus == 0 && memory == 0)
        {
            return now;
        }

        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limited.CancelAfter(limit);
        try
        {
            return await GrowAsync(qmp, agent, now, cpus, memory, limit, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new VmCacheException(
                StatusCode.DeadlineExceeded, Reasons.Deadline, $"the VM did not grow to {wanted.Cpus} vCPUs and {wanted.MemoryMiB} MiB within {Faults.Seconds(limit)}");
        }
        catch (FormatException fault)
        {
            throw new VmCacheException(StatusCode.Internal, Reasons.Monitor, fault.Message, fault);
        }
        catch (Exception fault) when (VmFaults.Known(fault))
        {
            throw VmFaults.Of(fault);
        }
    }

    private static async Task<VmCapacity> GrowAsync(
        string qmp, string agent, VmCapacity now, int cpus, int memory, TimeSpan limit, CancellationToken cancel)
    {
        await using var channel = await AgentChannel.OpenAsync(agent, limit, cancel).ConfigureAwait(false);
        var guest = new AgentClient(channel);
        await using (var monitor = await QmpClient.ConnectUnixAsync(qmp, null, cancel).ConfigureAwait(false))
        {
            if (memory > 0) memory = await AddMemoryAsync(monitor, guest, now.MemoryMiB, memory, limit, cancel).ConfigureAwait(false);
            await AddCpusAsync(monitor, now.Cpus, cpus, cancel).ConfigureAwait(false);
        }

        var grown = new VmCapacity(now.Cpus + cpus, now.MemoryMiB + memory);
        await guest.OnlineCpuMemAsync(wait: true, (uint)grown.Cpus, cpuOnly: false, cancel, limit).ConfigureAwait(false);
        return grown;
    }

    private static async Task AddCpusAsync(QmpClient monitor, int before, int count, CancellationToken cancel)
    {
        if (count == 0)
        {
            return;
        }

        var slots = HotPlugCommands.FreeCpuSlots(await monitor.ExecuteAsync(HotPlugCommands.CpuSlots, null, cancel).ConfigureAwait(false));
        if (slots.Count < count)
        {
            throw new VmCacheException(
                StatusCode.FailedPrecondition, Reasons.Monitor,
                $"{count} vCPUs cannot be added: the VM has {before} and room for {slots.Count} more; raise the pool's max-cpus, or ask for less");
        }

        for (var i = 0; i < count; i++)
        {
            await monitor.ExecuteAsync(HotPlugCommands.AddDevice, HotPlugCommands.Cpu(slots[i], $"cpu-{before + i}"), cancel).ConfigureAwait(false);
        }
    }

    /// <returns>How much it was: whole blocks of the guest's. The last step of it is not online yet.</returns>
    private static async Task<int> AddMemoryAsync(
        QmpClient monitor, AgentClient guest, int has, int more, TimeSpan limit, CancellationToken cancel)
    {
        var details = await guest.GetGuestDetailsAsync(cancel, limit).ConfigureAwait(false);
        var block = Math.Max(1, (int)(details.MemBlockSizeBytes / MiB));
        var whole = HotPlugCommands.WholeBlocks(more, block);
        int? available = details.AvailableBytes == 0 ? null : (int)Math.Min(details.AvailableBytes / MiB, int.MaxValue);
        var steps = MemoryGrowth.Steps(has, available, whole, block);
        if (steps.Count == 0)
        {
            throw new VmCacheException(
                StatusCode.FailedPrecondition, Reasons.Monitor,
                $"{whole} MiB cannot be added: the guest has {available ?? 0} of its {has} MiB available, which is too little; take a pool whose VMs start with more memory");
        }

        for (var i = 0; i < steps.Count; i++)
        {
            if (i > 0) await guest.OnlineCpuMemAsync(wait: true, 0, cpuOnly: false, cancel, limit).ConfigureAwait(false);
            await AddDimmAsync(monitor, steps[i], cancel).ConfigureAwait(false);
        }

        return whole;
    }

    private static async Task AddDimmAsync(QmpClient monitor, int mebibytes, CancellationToken cancel)
    {
        var number = HotPlugCommands.NextMemory(
            await monitor.ExecuteAsync(HotPlugCommands.MemoryBackends, null, cancel).ConfigureAwait(false));
        await monitor.ExecuteAsync(HotPlugCommands.AddObject, HotPlugCommands.Memory(number, mebibytes), cancel).ConfigureAwait(false);
        try
        {
            await monitor.ExecuteAsync(HotPlugCommands.AddDevice, HotPlugCommands.Dimm(number), cancel).ConfigureAwait(false);
        }
        catch (QmpCommandException)
        {
            await monitor.ExecuteAsync(HotPlugCommands.DeleteObject, HotPlugCommands.NoMemory(number), cancel).ConfigureAwait(false);
            throw;
        }
    }
}
