using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Vm;

namespace VmCacheCluster.Hypervisor.Qemu.Templates;

/// <summary>Boots what becomes a template, and proves templates, whoever made them.</summary>
internal sealed class TemplateMaker(QemuHypervisorOptions options, VmStarter starter)
{
    private const long MiB = 1024 * 1024;

    /// <summary>Boots a VM in memory that is kept, and saves it when its agent has settled.</summary>
    /// <exception cref="VmFailedException"/>
    public async Task<(MemoryFile Memory, byte[] State)> SaveAsync(VmSpec spec, string stateFile, CancellationToken cancel)
    {
        var memory = TemplateFailures.OnHost(() => MemoryFile.Create("vmcache-template", spec.MemoryMiB * MiB));
        try
        {
            var vm = await starter.BootInAsync(VmId.New(), spec, memory, cancel).ConfigureAwait(false);
            await using (vm.ConfigureAwait(false))
            {
                try
                {
                    await vm.WaitForAgentAsync(cancel).ConfigureAwait(false);
                    await SettleAsync(vm, cancel).ConfigureAwait(false);
                    await vm.PauseAsync(cancel).ConfigureAwait(false);
                    await vm.SaveTemplateAsync(stateFile, cancel).ConfigureAwait(false);
                }
                finally
                {
                    await vm.StopAsync(CancellationToken.None).ConfigureAwait(false);
                }
            }

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
    }

    /// <summary>A clone of it runs, and its agent answers.</summary>
    /// <exception cref="VmFailedException">It does not.</exception>
    public async Task ProveAsync(VmSpec spec, MemoryFile memory, MemoryFile state, CancellationToken cancel)
    {
        var clone = await starter.CloneAsync(VmId.New(), spec, memory, state, VmPriority.Background, cancel).ConfigureAwait(false);
        await using (clone.ConfigureAwait(false))
        {
            try
            {
                await clone.ResumeAsync(cancel).ConfigureAwait(false);
                var guest = await clone.OpenGuestAsync(cancel).ConfigureAwait(false);
                await guest.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                await clone.StopAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A new client of its channel has an answer: the agent has seen the last one leave, and waits for the next.</summary>
    private async Task SettleAsync(QemuVm vm, CancellationToken cancel)
    {
        await AgentProbe.IdentifyAsync(vm.Facts, options.AgentDeadline, cancel).ConfigureAwait(false);
        var guest = await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
        await guest.DisposeAsync().ConfigureAwait(false);
    }
}
