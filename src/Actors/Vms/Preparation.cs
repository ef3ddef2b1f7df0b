using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <param name="Guest">The agent's channel; null when the holder keeps it itself.</param>
internal sealed record PreparedVm(IGuest? Guest, IReadOnlyList<StageTime> Timeline);

/// <summary>
/// Makes a reserved VM its caller's own. Whatever of it fails, the VM is of no use any more: it may have run with another's
/// random numbers. May be done again for a VM whose preparation was cut off.
/// </summary>
internal static class Preparation
{
    public static async Task<PreparedVm> RunAsync(IVm vm, VmId id, LeaseWish wish, Growth growth, TimeProvider time, CancellationToken cancel)
    {
        var clock = new StageClock(time);
        if (wish.Sandbox is { } sandbox) await clock.RunAsync("assign", () => vm.AssignAsync(sandbox, cancel)).ConfigureAwait(false);
        await clock.RunAsync("resume", () => vm.ResumeAsync(cancel, FitnessRules.Limit)).ConfigureAwait(false);
        var preparation = new GuestPreparation(IdentityOf(id, wish.Binding.Hostname), wish.Binding);
        var guest = await clock.RunAsync("prepare", () => vm.PrepareGuestAsync(preparation, cancel)).ConfigureAwait(false);
        try
        {
            await growth.RunAsync(vm, guest, wish, clock, cancel).ConfigureAwait(false);
        }
        catch
        {
            await guest.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (!wish.ClientHoldsAgent) return new PreparedVm(guest, clock.Timeline);
        await guest.DisposeAsync().ConfigureAwait(false);
        return new PreparedVm(null, clock.Timeline);
    }

    /// <summary>The VM's id is unique for ever, and so is the identity that is made of it.</summary>
    /// <param name="hostname">Empty: one that is made of it, too.</param>
    internal static GuestIdentity IdentityOf(VmId id, string hostname = "")
    {
        var digits = id.Value.Replace("-", "", StringComparison.Ordinal);
        return new GuestIdentity(digits, hostname.Length > 0 ? hostname : $"vm-{digits[..12]}");
    }
}
