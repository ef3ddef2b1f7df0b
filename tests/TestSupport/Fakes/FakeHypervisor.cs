using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>Makes <see cref="FakeVm"/>s. A test's script holds or fails any step of any of them.</summary>
public sealed class FakeHypervisor : IHypervisor
{
    private int _pid = 1000;
    private int _making;

    public ConcurrentDictionary<VmId, FakeVm> Vms { get; } = new();

    public List<FoundVm> Found { get; } = [];

    public ConcurrentQueue<VmId> Reaped { get; } = new();

    /// <summary>The records are those of the VMs that live (as a run directory would have it), and <see cref="Found"/>.</summary>
    public Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel)
    {
        lock (Found)
        {
            return Task.FromResult<IReadOnlyList<FoundVm>>(
                [.. Found, .. Alive.Select(v => new FoundVm(v.Facts.Id, v.Facts, v.LastMark, true, null))]);
        }
    }

    /// <summary>Called before each step; throw to fail it, await to hold it.</summary>
    public Func<VmSpec, VmStep, CancellationToken, Task> Script { get; set; } = (_, _, _) => Task.CompletedTask;

    public Func<FoundVm, Task>? Attaching { get; set; }

    public int MostAtOnce { get; private set; }

    public IEnumerable<FakeVm> Alive => Vms.Values.Where(v => v.Alive);

    public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) => Task.FromResult<VmFailure?>(null);

    public async Task<IVm> CreateAsync(VmId id, VmSpec spec, CancellationToken cancel)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _making));
        try
        {
            await Script(spec, VmStep.Create, cancel);
            return Vms[id] = new FakeVm(this, FactsOf(id, spec, Interlocked.Increment(ref _pid)));
        }
        finally
        {
            Interlocked.Decrement(ref _making);
        }
    }

    public async Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel)
    {
        if (Attaching is not null) await Attaching(found);
        lock (Found) Found.RemoveAll(f => f.Id == found.Id);
        return Vms[found.Id] = new FakeVm(this, found.Facts!, found.Mark);
    }

    public Task ReapAsync(FoundVm found, CancellationToken cancel)
    {
        Reaped.Enqueue(found.Id);
        if (Vms.TryRemove(found.Id, out var vm)) vm.Die("was reaped");
        lock (Found) Found.RemoveAll(f => f.Id == found.Id);
        return Task.CompletedTask;
    }

    public static VmFacts FactsOf(VmId id, VmSpec spec, int pid)
    {
        var (ours, theirs) = ($"/run/vm/{id}", $"/run/client/{id}");
        var paths = new VmPaths(ours, theirs, $"{ours}/supervisor.sock", $"{theirs}/qmp.sock", $"{theirs}/agent.sock", $"{theirs}/console.sock", $"{theirs}/share");
        return new VmFacts(id, spec, paths, new ProcessIdentity(pid, 1), MadeBy.Boot);
    }

    internal async Task StepAsync(FakeVm vm, VmStep step, CancellationToken cancel) => await Script(vm.Facts.Spec, step, cancel);
}
