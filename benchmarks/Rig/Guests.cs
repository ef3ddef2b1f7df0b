using System.Diagnostics;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>VMs by boot and by clone, without the daemon: what the hypervisor's part of each costs.</summary>
public sealed class Guests(IHypervisor hypervisor, ITemplates templates, VmSpec spec)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private Template? _template;

    public async Task MakeTemplateAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        _template = await templates.MakeAsync(spec, Limit, limit.Token);
    }

    public async Task<IVm> BootAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        var vm = await hypervisor.CreateAsync(VmId.New(), spec, limit.Token);
        await vm.WaitForAgentAsync(limit.Token);
        await vm.CheckAgentAsync(limit.Token);
        await vm.PauseAsync(limit.Token);
        return vm;
    }

    public async Task<IVm> CloneAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        return await templates.CloneAsync(VmId.New(), spec, _template!, limit.Token);
    }

    /// <summary>As a pool does it before a clone is warm.</summary>
    public async Task<IVm> ClonePrimedAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        var vm = await CloneAsync();
        await vm.ResumeAsync(limit.Token);
        var identity = new GuestIdentity(vm.Facts.Id.Value.Replace("-", "", StringComparison.Ordinal), "clone");
        await (await vm.PrepareGuestAsync(new GuestPreparation(identity, LateBinding.None), limit.Token)).DisposeAsync();
        await vm.PauseAsync(limit.Token);
        return vm;
    }

    public static async Task<TimeSpan> AnswerAsync(IVm vm)
    {
        using var limit = new CancellationTokenSource(Limit);
        var from = Stopwatch.GetTimestamp();
        await vm.ResumeAsync(limit.Token);
        var guest = await vm.OpenGuestAsync(limit.Token);
        var took = Stopwatch.GetElapsedTime(from);
        await guest.DisposeAsync();
        return took;
    }
}
