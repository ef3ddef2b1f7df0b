using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What came of a command.</summary>
/// <param name="Guest">The agent's channel as it is held now.</param>
internal sealed record Performed(HotPlug? Plugged, IGuest? Guest);

/// <summary>Does what a command says, through the ports.</summary>
internal static class Performance
{
    /// <param name="guest">The agent's channel, when it is held already.</param>
    public static async Task<Performed> RunAsync(IVm vm, IGuest? guest, VmCommand command, CancellationToken cancel)
    {
        switch (command)
        {
            case VmCommand.Pause:
                await vm.PauseAsync(cancel).ConfigureAwait(false);
                break;
            case VmCommand.Resume:
                await vm.ResumeAsync(cancel).ConfigureAwait(false);
                break;
            case VmCommand.Save save:
                await vm.SaveAsync(save.File, cancel).ConfigureAwait(false);
                break;
            case VmCommand.Assign assign:
                await vm.AssignAsync(assign.Sandbox, cancel).ConfigureAwait(false);
                break;
            case VmCommand.AddCpus cpus:
                return new Performed(await vm.AddCpusAsync(cpus.Count, cancel).ConfigureAwait(false), guest);
            case VmCommand.Disconnect:
                if (guest is not null) await guest.DisposeAsync().ConfigureAwait(false);
                return new Performed(null, null);
            default:
                return guest is null
                    ? await WithNewGuestAsync(vm, command, cancel).ConfigureAwait(false)
                    : new Performed(await WithGuestAsync(vm, guest, command, cancel).ConfigureAwait(false), guest);
        }

        return new Performed(null, guest);
    }

    /// <summary>The agent's channel takes one client: when the command fails it is let go of.</summary>
    private static async Task<Performed> WithNewGuestAsync(IVm vm, VmCommand command, CancellationToken cancel)
    {
        var guest = await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
        try
        {
            return new Performed(await WithGuestAsync(vm, guest, command, cancel).ConfigureAwait(false), guest);
        }
        catch
        {
            await guest.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<HotPlug?> WithGuestAsync(IVm vm, IGuest guest, VmCommand command, CancellationToken cancel)
    {
        switch (command)
        {
            case VmCommand.AddMemory memory:
                var facts = await guest.DescribeAsync(cancel).ConfigureAwait(false);
                // One step alone: the next one is for after the guest has brought this one online.
                return MemoryGrowth.Steps(vm.Size.MemoryMiB, facts.AvailableMiB, memory.Mebibytes, 1).Count != 1
                    ? new HotPlug(memory.Mebibytes, 0, Growth.NoRoom(vm.Size.MemoryMiB, facts.AvailableMiB, memory.Mebibytes))
                    : await vm.AddMemoryAsync(memory.Mebibytes, facts.MemoryBlockMiB, cancel).ConfigureAwait(false);
            case VmCommand.Online:
                await guest.OnlineAsync(vm.Size.Cpus, cancel).ConfigureAwait(false);
                return null;
            case VmCommand.Reseed:
                await guest.ReseedAsync(cancel).ConfigureAwait(false);
                return null;
            case VmCommand.SetClock:
                await guest.SetClockAsync(cancel).ConfigureAwait(false);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(command), command, "not a VM's command");
        }
    }
}
