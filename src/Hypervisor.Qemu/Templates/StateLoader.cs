using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Brings a template's device state into a QEMU that waits for it. The state comes as a descriptor: QEMU's sandbox lets
/// it start no program.</summary>
internal static class StateLoader
{
    private const string FileName = "vmcache-load";
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(1);

    /// <summary>Memory that is shared with a template is not part of the state that is saved or loaded.</summary>
    public static Task IgnoreSharedMemoryAsync(SupervisorMonitor monitor, CancellationToken cancel) =>
        monitor.ExecuteAsync("migrate-set-capabilities", static json =>
        {
            json.WriteStartArray("capabilities");
            json.WriteStartObject();
            json.WriteString("capability", "x-ignore-shared");
            json.WriteBoolean("state", true);
            json.WriteEndObject();
            json.WriteEndArray();
        }, cancel);

    /// <summary>Returns when the VM is paused where its template was.</summary>
    /// <exception cref="VmFailedException">QEMU does not take the state; its log says why.</exception>
    public static async Task LoadAsync(SupervisorMonitor monitor, QemuProcess process, MemoryFile state, string log, CancellationToken cancel)
    {
        try
        {
            await IgnoreSharedMemoryAsync(monitor, cancel).ConfigureAwait(false);
            using (var file = state.OpenToRead()) await monitor.GiveFileAsync(FileName, file, cancel).ConfigureAwait(false);
            await monitor.ExecuteAsync("migrate-incoming", static json => json.WriteString("uri", "fd:" + FileName), cancel).ConfigureAwait(false);
            for (var (status, error) = ("", ""); status != "completed";)
            {
                (status, error) = await monitor.MigrationAsync(cancel).ConfigureAwait(false);
                if (status is "failed" or "cancelled") throw Failed(error);
                if (status != "completed") await Task.Delay(LookAgain, cancel).ConfigureAwait(false);
            }
        }
        catch (VmFailedException fault) when (fault.Failure.Kind == VmFailureKind.Monitor)
        {
            // A QEMU that cannot load ends, and its monitor first.
            var said = await process.HasExitedWithinAsync(TimeSpan.FromSeconds(1), cancel).ConfigureAwait(false) ? LogTail.Read(log) : "";
            throw Failed(said.Length > 0 ? said : fault.Failure.Message);
        }
    }

    private static VmFailedException Failed(string why) => new(new VmFailure(
        VmFailureKind.Start, $"QEMU does not load the template: {why}", "the template is made anew when the pool is allowed to boot"));
}
