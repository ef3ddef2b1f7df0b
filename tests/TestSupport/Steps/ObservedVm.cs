using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Steps;

internal sealed class ObservedVm(IVm inner, IStepObserver observer) : IVm
{
    public VmFacts Facts => inner.Facts;

    public ChannelReader<VmEvent> Events => inner.Events;

    public VmSize Size => inner.Size;

    public VmCondition Condition => inner.Condition;

    public VmLiveness Probe() => inner.Probe();

    // Asked in the background, at any time: no step that a test could count.
    public Task<VmFitness> CheckFitAsync(TimeSpan limit, CancellationToken cancel) => inner.CheckFitAsync(limit, cancel);

    public Task<bool> HasClientAsync(CancellationToken cancel) => inner.HasClientAsync(cancel);

    public TimeSpan? ReadGuestCpu() => inner.ReadGuestCpu();

    public void RaisePriority() => inner.RaisePriority();

    public Task<string> ReadConsoleAsync(CancellationToken cancel) => inner.ReadConsoleAsync(cancel);

    public Task WaitForAgentAsync(CancellationToken cancel) => Step("Agent", () => inner.WaitForAgentAsync(cancel));

    public Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel) => Step("Check", () => inner.CheckAgentAsync(cancel));

    public Task PauseAsync(CancellationToken cancel) => Step("Pause", () => inner.PauseAsync(cancel));

    public Task ResumeAsync(CancellationToken cancel, TimeSpan? limit = null) => Step("Resume", () => inner.ResumeAsync(cancel, limit));

    public Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel) => Step("AddCpus", () => inner.AddCpusAsync(count, cancel));

    public Task<HotPlug> AddMemoryAsync(int mebibytes, int blockMiB, CancellationToken cancel) =>
        Step("AddMemory", () => inner.AddMemoryAsync(mebibytes, blockMiB, cancel));

    public Task SaveAsync(string stateFile, CancellationToken cancel) => Step("Save", () => inner.SaveAsync(stateFile, cancel));

    public Task AssignAsync(SandboxId sandbox, CancellationToken cancel) => Step("Assign", () => inner.AssignAsync(sandbox, cancel));

    public async Task<IGuest> PrepareGuestAsync(GuestPreparation preparation, CancellationToken cancel) =>
        new ObservedGuest(await Step("Prepare", () => inner.PrepareGuestAsync(preparation, cancel)).ConfigureAwait(false), Facts.Id, observer);

    public async Task<IGuest> OpenGuestAsync(CancellationToken cancel) =>
        new ObservedGuest(await Step("OpenGuest", () => inner.OpenGuestAsync(cancel)).ConfigureAwait(false), Facts.Id, observer);

    public Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel) => Step("SaveLease", () => inner.SaveLeaseAsync(lease, cancel));

    public Task RecordAsync(VmMark mark, CancellationToken cancel) => Step($"Record:{mark.Ownership}", () => inner.RecordAsync(mark, cancel));

    public Task<string?> KeepRecordAsync(CancellationToken cancel) => inner.KeepRecordAsync(cancel);

    public Task StopAsync(CancellationToken cancel) => Step("Stop", () => inner.StopAsync(cancel));

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private Task Step(string name, Func<Task> work) => observer.RunAsync(Facts.Id, name, work);

    private Task<T> Step<T>(string name, Func<Task<T>> work) => observer.RunAsync(Facts.Id, name, work);
}
