using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Benchmarks.Rig;

/// <summary>A hypervisor whose VMs' writes of state are timed.</summary>
internal sealed class TimedHypervisor(IHypervisor inner) : IHypervisor
{
    private readonly ConcurrentQueue<(VmId Id, long At, TimeSpan Took)> _writes = new();

    public TimeSpan WritesOf(VmId id, long since)
        => TimeSpan.FromTicks(_writes.Where(w => w.Id == id && w.At >= since).Sum(w => w.Took.Ticks));

    public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) => inner.PreflightAsync(spec, cancel);

    public async Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) =>
        new TimedVm(await inner.CreateAsync(id, spec, priority, cancel), this);

    public Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel) => inner.FindAsync(cancel);

    public Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel) => inner.AttachAsync(found, cancel);

    public Task ReapAsync(FoundVm found, CancellationToken cancel) => inner.ReapAsync(found, cancel);

    public Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel) => inner.EndQuarantinedAsync(found, cancel);

    private async Task TimeAsync(VmId id, Func<Task> write)
    {
        var from = Stopwatch.GetTimestamp();
        await write().ConfigureAwait(false);
        _writes.Enqueue((id, from, Stopwatch.GetElapsedTime(from)));
    }

    private sealed class TimedVm(IVm inner, TimedHypervisor timed) : IVm
    {
        public VmFacts Facts => inner.Facts;
        public ChannelReader<VmEvent> Events => inner.Events;
        public VmSize Size => inner.Size;
        public VmCondition Condition => inner.Condition;
        public VmLiveness Probe() => inner.Probe();
        public Task WaitForAgentAsync(CancellationToken cancel) => inner.WaitForAgentAsync(cancel);
        public Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel) => inner.CheckAgentAsync(cancel);
        public Task PauseAsync(CancellationToken cancel) => inner.PauseAsync(cancel);
        public Task ResumeAsync(CancellationToken cancel, TimeSpan? limit = null) => inner.ResumeAsync(cancel, limit);
        public Task<VmFitness> CheckFitAsync(TimeSpan limit, CancellationToken cancel) => inner.CheckFitAsync(limit, cancel);
        public Task<bool> HasClientAsync(CancellationToken cancel) => inner.HasClientAsync(cancel);
        public TimeSpan? ReadGuestCpu() => inner.ReadGuestCpu();
        public void RaisePriority() => inner.RaisePriority();
        public Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel) => inner.AddCpusAsync(count, cancel);
        public Task<HotPlug> AddMemoryAsync(int mebibytes, int blockMiB, CancellationToken cancel) => inner.AddMemoryAsync(mebibytes, blockMiB, cancel);
        public Task SaveAsync(string stateFile, CancellationToken cancel) => inner.SaveAsync(stateFile, cancel);
        public Task AssignAsync(SandboxId sandbox, CancellationToken cancel) => inner.AssignAsync(sandbox, cancel);
        public Task<IGuest> OpenGuestAsync(CancellationToken cancel) => inner.OpenGuestAsync(cancel);
        public Task<IGuest> PrepareGuestAsync(GuestPreparation preparation, CancellationToken cancel) => inner.PrepareGuestAsync(preparation, cancel);
        public Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel) => timed.TimeAsync(Facts.Id, () => inner.SaveLeaseAsync(lease, cancel));
        public Task RecordAsync(VmMark mark, CancellationToken cancel) => timed.TimeAsync(Facts.Id, () => inner.RecordAsync(mark, cancel));
        public Task<string?> KeepRecordAsync(CancellationToken cancel) => inner.KeepRecordAsync(cancel);
        public Task<string> ReadConsoleAsync(CancellationToken cancel) => inner.ReadConsoleAsync(cancel);
        public Task StopAsync(CancellationToken cancel) => inner.StopAsync(cancel);
        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
