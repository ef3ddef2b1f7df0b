using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Steps;

/// <summary>Templates whose clones take their steps before an observer, as <see cref="ObservedHypervisor"/>'s VMs do.</summary>
public sealed class ObservedTemplates(ITemplates inner, IStepObserver observer) : ITemplates
{
    public Task<Template?> FindAsync(VmSpec spec, CancellationToken cancel) => inner.FindAsync(spec, cancel);

    public Task<Template> MakeAsync(VmSpec spec, TimeSpan limit, CancellationToken cancel) => inner.MakeAsync(spec, limit, cancel);

    public Task<TakenTemplate?> TakeAsync(VmSpec spec, ITemplatePeers peers, DateTimeOffset notBefore, TimeSpan limit, CancellationToken cancel) =>
        inner.TakeAsync(spec, peers, notBefore, limit, cancel);

    public async Task<IVm> CloneAsync(VmId id, VmSpec spec, Template template, VmPriority priority, CancellationToken cancel) =>
        new ObservedVm(await observer.RunAsync(id, "Create", () => inner.CloneAsync(id, spec, template, priority, cancel)).ConfigureAwait(false), observer);

    public Task SweepAsync(TemplateLimits limits, CancellationToken cancel) => inner.SweepAsync(limits, cancel);
}
