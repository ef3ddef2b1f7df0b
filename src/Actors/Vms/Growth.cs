using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>
/// Gives a VM that is being prepared the vCPUs and the memory that its holder asked for. What goes wrong meanwhile, whether the guest says so or dies of
/// it, is the request's doing and not the VM's.
/// </summary>
internal sealed class Growth
{
    private volatile string? _doing;

    public async Task RunAsync(IVm vm, IGuest guest, LeaseWish wish, StageClock clock, CancellationToken cancel)
    {
        var (cpus, memory) = (wish.MinCpus - vm.Size.Cpus, wish.MinMemoryMiB - vm.Size.MemoryMiB);
        if (cpus <= 0 && memory <= 0) return;
        // Before the vCPUs: only the guest knows its memory block, and what that makes of the wish may be refused.
        if (memory > 0) await PlugMemoryAsync(vm, guest, memory, clock, cancel).ConfigureAwait(false);
        if (cpus > 0)
        {
            _doing = $"{cpus} vCPUs were plugged in";
            Whole("vCPUs", await clock.RunAsync("plug-cpus", () => vm.AddCpusAsync(cpus, cancel)).ConfigureAwait(false));
        }

        await clock.RunAsync("online", () => guest.OnlineAsync(vm.Size.Cpus, cancel)).ConfigureAwait(false);
        _doing = null;
    }

    /// <returns>Null: the VM was not growing when that befell it.</returns>
    public VmFailure? Blame(VmFailure failure)
    {
        if (_doing is not { } doing || failure.Kind is VmFailureKind.Configuration or VmFailureKind.Cancelled) return null;
        return new VmFailure(
            VmFailureKind.Growth, $"a VM was lost while {doing} and brought online: {failure.Message}",
            failure is { Kind: VmFailureKind.Host, Remedy.Length: > 0 } ? failure.Remedy : "ask for less, or take a pool whose VMs start with more");
    }

    private async Task PlugMemoryAsync(IVm vm, IGuest guest, int memory, StageClock clock, CancellationToken cancel)
    {
        var slots = vm.Facts.Spec.MemorySlots;
        // An earlier daemon may have plugged some, in who knows how many slots, and not have lived to see it online.
        if (vm.Size.MemoryMiB > vm.Facts.Spec.MemoryMiB)
        {
            _doing = $"{vm.Size.MemoryMiB - vm.Facts.Spec.MemoryMiB} MiB of memory were plugged in";
            await clock.RunAsync("online", () => guest.OnlineAsync(0, cancel)).ConfigureAwait(false);
            slots = 0;
        }

        var facts = await clock.RunAsync("describe", () => guest.DescribeAsync(cancel)).ConfigureAwait(false);
        var (has, block) = (vm.Size.MemoryMiB, Math.Max(1, facts.MemoryBlockMiB));
        var whole = (memory + block - 1) / block * block;
        var steps = MemoryGrowth.Steps(has, facts.AvailableMiB, whole, block, slots);
        if (steps.Count == 0) throw new VmFailedException(NoRoom(has, facts.AvailableMiB, whole));
        for (var i = 0; i < steps.Count; i++)
        {
            // The last step comes online together with the vCPUs.
            if (i > 0) await clock.RunAsync("online", () => guest.OnlineAsync(0, cancel)).ConfigureAwait(false);
            var step = steps[i];
            _doing = $"{step} MiB of memory were plugged in (step {i + 1} of {steps.Count}, to {has + whole} MiB)";
            Whole("MiB", await clock.RunAsync("plug-memory", () => vm.AddMemoryAsync(step, block, cancel)).ConfigureAwait(false));
        }
    }

    internal static VmFailure NoRoom(int has, int? available, int more) => new(
        VmFailureKind.Configuration,
        $"{more} MiB cannot be added: of its {has} MiB the guest has {available ?? 0} MiB available, and its kernel needs 1 MiB of them for each 64 MiB, as much again left free",
        "take a pool whose VMs start with more memory");

    private static void Whole(string unit, HotPlug plugged)
    {
        if (plugged.Failure is not { } failure) return;
        throw new VmFailedException(failure with { Message = $"{plugged.Done} of {plugged.Wanted} {unit} could be plugged in: {failure.Message}" });
    }
}
