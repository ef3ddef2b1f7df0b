using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>Writes a VM's marks, one after the other, in the order they were decided.</summary>
internal sealed class MarkWriter(IVm vm)
{
    /// <summary>Ends when everything that was decided so far is written, or could not be.</summary>
    public Task Last { get; private set; } = Task.CompletedTask;

    /// <param name="first">What is to be on disk before the mark; when it fails the mark is not written.</param>
    public Task WriteAsync(VmMark mark, Task? first = null)
    {
        var before = Last;
        Last = before.IsCompleted && first is null ? vm.RecordAsync(mark, CancellationToken.None) : AfterAsync(before, first ?? Task.CompletedTask, mark);
        return Last;
    }

    private async Task AfterAsync(Task before, Task first, VmMark mark)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first.ConfigureAwait(false);
        await vm.RecordAsync(mark, CancellationToken.None).ConfigureAwait(false);
    }
}
