using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Steps;

/// <summary>A hypervisor whose every step an observer is told of, and those of its VMs and their guests.</summary>
public sealed class ObservedHypervisor(IHypervisor inner, IStepObserver observer) : IHypervisor
{
    public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) => inner.PreflightAsync(spec, cancel);

    public async Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) =>
        new ObservedVm(await observer.RunAsync(id, "Create", () => inner.CreateAsync(id, spec, priority, cancel)).ConfigureAwait(false), observer);

    public Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel) => inner.FindAsync(cancel);

    public async Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel) =>
        new ObservedVm(await observer.RunAsync(found.Id, "Attach", () => inner.AttachAsync(found, cancel)).ConfigureAwait(false), observer);

    public Task ReapAsync(FoundVm found, CancellationToken cancel) => observer.RunAsync(found.Id, "Reap", () => inner.ReapAsync(found, cancel));

    public Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel) => inner.EndQuarantinedAsync(found, cancel);
}
