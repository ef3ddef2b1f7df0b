using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>Why a guest did not come up, with what it said last.</summary>
internal static class BootFailure
{
    private const int ConsoleLines = 15;

    /// <param name="trouble">What happened to QEMU or the guest meanwhile; null: nothing, the time was over.</param>
    /// <param name="limit">What it had to be up within.</param>
    /// <param name="lastAttempt">Why the agent did not answer the last time it was asked; may be empty.</param>
    /// <param name="monitor">Where the console is read.</param>
    public static async Task<VmFailure> OfAsync(VmFailure? trouble, BootLimit limit, string lastAttempt, SupervisorMonitor monitor)
    {
        if (trouble is { Kind: not VmFailureKind.GuestStopped }) return trouble;
        var what = trouble?.Message ?? $"the guest's agent did not answer {limit.Within}";
        if (trouble is null && lastAttempt.Length > 0) what += $" (last attempt: {lastAttempt})";
        var console = "";
        try
        {
            console = LogTail.Last(await monitor.ReadConsoleAsync(CancellationToken.None).ConfigureAwait(false), ConsoleLines);
        }
        catch (VmFailedException)
        {
            // The monitor is gone too, or the console is a socket alone: there is nothing to add to the failure.
        }

        return new VmFailure(VmFailureKind.Boot,
            console.Length == 0 ? what + "; its serial console is empty" : $"{what}; its last console output: {console.ReplaceLineEndings(" | ")}",
            limit.Remedy);
    }
}
