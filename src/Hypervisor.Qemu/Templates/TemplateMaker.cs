using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Boots what becomes a template, and proves templates, whoever made them.</summary>
internal sealed class TemplateMaker(QemuHypervisorOptions options, ThrowAwayVms vms)
{
    private const long MiB = 1024 * 1024;

    /// <summary>Boots a VM in memory that is kept, and saves it when its agent has settled.</summary>
    /// <exception cref="VmFailedException"/>
    public async Task<(MemoryFile Memory, byte[] State)> SaveAsync(VmSpec spec, string stateFile, TimeSpan limit, CancellationToken cancel)
    {
        var memory = TemplateFailures.OnHost(() => MemoryFile.Create("vmcache-template", spec.MemoryMiB * MiB));
        try
        {
            await vms.BootInAsync(memory, spec, limit, SaveAsync, cancel).ConfigureAwait(false);
            // Only now nobody has it mapped for writing.
            await Task.Run(() => TemplateFailures.OnHost(() =>
            {
                memory.DropZeros();
                memory.Seal();
                return true;
            }), cancel).ConfigureAwait(false);
            return (memory, TemplateFailures.OnHost(() => File.ReadAllBytes(stateFile)));
        }
        catch
        {
            memory.Dispose();
            throw;
        }

        async Task SaveAsync(QemuVm vm, CancellationToken within)
        {
            await vm.WaitForAgentAsync(within).ConfigureAwait(false);
            await SettleAsync(vm, within).ConfigureAwait(false);
            await vm.PauseAsync(within).ConfigureAwait(false);
            await vm.SaveTemplateAsync(stateFile, within).ConfigureAwait(false);
        }
    }

    /// <summary>A clone of it runs, and its agent answers.</summary>
    /// <exception cref="VmFailedException">It does not.</exception>
    public Task ProveAsync(VmSpec spec, MemoryFile memory, MemoryFile state, TimeSpan limit, CancellationToken cancel) =>
        vms.CloneAsync(memory, state, spec, limit, static async (clone, within) =>
        {
            await clone.ResumeAsync(within).ConfigureAwait(false);
            var guest = await clone.OpenGuestAsync(within).ConfigureAwait(false);
            await guest.DisposeAsync().ConfigureAwait(false);
        }, cancel);

    /// <summary>A new client of its channel has an answer: the agent has seen the last one leave, and waits for the next.</summary>
    private async Task SettleAsync(QemuVm vm, CancellationToken cancel)
    {
        await AgentProbe.IdentifyAsync(vm.Facts, options.AgentDeadline, cancel).ConfigureAwait(false);
        var guest = await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
        await guest.DisposeAsync().ConfigureAwait(false);
    }
}
