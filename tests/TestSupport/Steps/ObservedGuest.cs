using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Steps;

internal sealed class ObservedGuest(IGuest inner, VmId vm, IStepObserver observer) : IGuest
{
    public bool IsOpen => inner.IsOpen;

    public Task<GuestFacts> DescribeAsync(CancellationToken cancel) => observer.RunAsync(vm, "Describe", () => inner.DescribeAsync(cancel));

    public Task OnlineAsync(int cpus, CancellationToken cancel) => observer.RunAsync(vm, "Online", () => inner.OnlineAsync(cpus, cancel));

    public Task ReseedAsync(CancellationToken cancel) => observer.RunAsync(vm, "Reseed", () => inner.ReseedAsync(cancel));

    public Task SetClockAsync(CancellationToken cancel) => observer.RunAsync(vm, "SetClock", () => inner.SetClockAsync(cancel));

    public Task PrepareAsync(GuestPreparation preparation, CancellationToken cancel) =>
        observer.RunAsync(vm, "Prepare", () => inner.PrepareAsync(preparation, cancel));

    public Task<IGuestProgram> ExecAsync(GuestCommand command, CancellationToken cancel) =>
        observer.RunAsync(vm, "Exec", () => inner.ExecAsync(command, cancel));

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
