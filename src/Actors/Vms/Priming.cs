using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>
/// Sets a clone apart from its siblings while it is still the pool's: all of them wake with the same random state, and Kata's clients
/// get theirs untouched. An agent that takes no identity gets entropy and the clock.
/// </summary>
internal static class Priming
{
    public static async Task RunAsync(IVm vm, VmId id, CancellationToken cancel)
    {
        await vm.ResumeAsync(cancel).ConfigureAwait(false);
        await using var guest = await OpenAsync(vm, id, cancel).ConfigureAwait(false);
    }

    private static async Task<IGuest> OpenAsync(IVm vm, VmId id, CancellationToken cancel)
    {
        try
        {
            return await vm.PrepareGuestAsync(new GuestPreparation(Preparation.IdentityOf(id), LateBinding.None), cancel).ConfigureAwait(false);
        }
        catch (VmFailedException fault) when (fault.Failure.Kind == VmFailureKind.Configuration)
        {
            var guest = await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
            try
            {
                await guest.ReseedAsync(cancel).ConfigureAwait(false);
                await guest.SetClockAsync(cancel).ConfigureAwait(false);
                return guest;
            }
            catch
            {
                await guest.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
