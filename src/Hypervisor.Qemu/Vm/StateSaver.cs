using Microsoft.Win32.SafeHandles;
using VmCacheCluster.Domain;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>
/// Writes a paused VM into a file. QEMU gets the file as a descriptor, since its sandbox lets it start no program and its
/// user may not be able to open it.
/// </summary>
internal sealed class StateSaver(SupervisorMonitor monitor)
{
    private const string FileName = "vmcache-save";
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(5);

    /// <summary>Whether QEMU is writing the VM somewhere now.</summary>
    public static bool IsUnderWay(string migration) => migration is "setup" or "active" or "device" or "pre-switchover" or "cancelling" or "wait-unplug";

    /// <summary>Returns when all is written; the VM is then in the state "postmigrate".</summary>
    /// <exception cref="VmFailedException">It could not be written; nothing is left of the file.</exception>
    public async Task SaveAsync(string path, CancellationToken cancel)
    {
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            await WriteAsync(path, file.SafeFileHandle, cancel).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From($"cannot write {path}", fault), fault);
        }
    }

    /// <summary>Ends what is under way; returns when nothing is.</summary>
    public async Task CancelAsync(CancellationToken cancel)
    {
        await monitor.ExecuteAsync("migrate_cancel", null, cancel).ConfigureAwait(false);
        while (IsUnderWay((await monitor.MigrationAsync(cancel).ConfigureAwait(false)).Status)) await Task.Delay(LookAgain, cancel).ConfigureAwait(false);
    }

    private async Task WriteAsync(string path, SafeFileHandle file, CancellationToken cancel)
    {
        try
        {
            // The default limit is that of a network.
            await monitor.ExecuteAsync("migrate-set-parameters", static json => json.WriteNumber("max-bandwidth", 0), cancel).ConfigureAwait(false);
            await monitor.GiveFileAsync(FileName, file, cancel).ConfigureAwait(false);
            await monitor.ExecuteAsync("migrate", static json => json.WriteString("uri", "fd:" + FileName), cancel).ConfigureAwait(false);
            await FinishAsync(path, cancel).ConfigureAwait(false);
        }
        catch (VmFailedException fault) when (fault.InnerException is QmpCommandException refused)
        {
            await TakeFileBackAsync().ConfigureAwait(false);
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, $"QEMU does not save the VM: {refused.Desc}"), fault);
        }
        catch (OperationCanceledException cause)
        {
            // Any of the commands may have been carried out.
            await CancelAsync(CancellationToken.None).ConfigureAwait(false);
            await TakeFileBackAsync().ConfigureAwait(false);
            throw new VmFailedException(new VmFailure(VmFailureKind.Cancelled, $"saving the VM to {path} was given up"), cause);
        }
    }

    private async Task TakeFileBackAsync()
    {
        try
        {
            await monitor.ExecuteAsync("closefd", static json => json.WriteString("fdname", FileName), CancellationToken.None).ConfigureAwait(false);
        }
        catch (VmFailedException fault) when (fault.InnerException is QmpCommandException)
        {
            // It has none, or the migration has taken it.
        }
    }

    private async Task FinishAsync(string path, CancellationToken cancel)
    {
        while (true)
        {
            var (status, error) = await monitor.MigrationAsync(cancel).ConfigureAwait(false);
            if (status == "completed") return;
            if (!IsUnderWay(status))
                throw new VmFailedException(new VmFailure(VmFailureKind.Host,
                    $"the VM could not be saved to {path}: {(error.Length > 0 ? error : $"QEMU says '{status}'")}", "see what space is left there"));
            await Task.Delay(LookAgain, cancel).ConfigureAwait(false);
        }
    }
}
