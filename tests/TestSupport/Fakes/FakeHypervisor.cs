using System.Collections.Concurrent;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>
/// A host in memory. A test's script holds or fails any step of any VM. The VMs survive the daemon: after
/// <see cref="Kill"/> they are found, with their marks, leases and sizes, and can be attached to again.
/// </summary>
public sealed class FakeHypervisor : IHypervisor
{
    private int _pid = 1000;
    private int _making;
    private int _life;
    private readonly Lock _living = new();

    /// <summary>The latest handle on each VM that was ever made or attached to, except reaped ones.</summary>
    public ConcurrentDictionary<VmId, FakeVm> Vms { get; } = new();

    /// <summary>What is found beside the VMs that were made here.</summary>
    public List<FoundVm> Found { get; } = [];

    public ConcurrentQueue<VmId> Reaped { get; } = new();

    /// <summary>Called before each step; throw to fail it, await to hold it.</summary>
    public Func<VmSpec, VmStep, CancellationToken, Task> Script { get; set; } = (_, _, _) => Task.CompletedTask;

    /// <summary>Called after each step's effect, before whoever asked for it hears of it.</summary>
    public Func<VmSpec, VmStep, CancellationToken, Task> Afterwards { get; set; } = (_, _, _) => Task.CompletedTask;

    /// <summary>How much of what is wanted can be plugged: vCPUs, or MiB of memory.</summary>
    public Func<VmStep, int, int> Plugging { get; set; } = (_, wanted) => wanted;

    public Func<FoundVm, Task>? Attaching { get; set; }

    /// <summary>Awaited before it is looked what there is.</summary>
    public Func<Task> Finding { get; set; } = () => Task.CompletedTask;

    /// <summary>Awaited before a found VM is ended; throw to keep it.</summary>
    public Func<FoundVm, Task> Reaping { get; set; } = _ => Task.CompletedTask;

    public int MostAtOnce { get; private set; }

    public IEnumerable<FakeVm> Alive => Vms.Values.Where(v => v.Alive);

    public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) => Task.FromResult<VmFailure?>(null);

    /// <summary>kill -9 of the daemon: the handles of before do nothing more, the VMs live on.</summary>
    public void Kill()
    {
        lock (_living)
        {
            _life++;
            foreach (var vm in Vms.Values)
            {
                vm.Kill();
                vm.Machine.Guest.LetGo();
            }
        }
    }

    /// <summary>The host as one process of the daemon sees it: nothing it does after <see cref="Kill"/> has an effect.</summary>
    public IHypervisor ForOneDaemon() => new OneDaemon(this, _life);

    public Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) => CreateAsync(id, spec, priority, _life, cancel);

    private async Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, int life, CancellationToken cancel)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _making));
        try
        {
            await Script(spec, VmStep.Create, cancel);
            var vm = InLife(life, () => Vms[id] = new FakeVm(this, new FakeMachine(FactsOf(id, spec, Interlocked.Increment(ref _pid))) { Priority = priority }));
            await Afterwards(spec, VmStep.Create, cancel);
            return InLife(life, () => vm);
        }
        finally
        {
            Interlocked.Decrement(ref _making);
        }
    }

    /// <summary>As a run directory would have it: each VM whose directory is there, and <see cref="Found"/>.</summary>
    public async Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel)
    {
        await Finding();
        lock (Found) return [.. Found, .. Vms.Values.Where(v => v.Machine.OnDisk).Select(v => v.Machine.Found())];
    }

    public Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel) => AttachAsync(found, _life, cancel);

    private async Task<IVm> AttachAsync(FoundVm found, int life, CancellationToken cancel)
    {
        if (Attaching is not null) await Attaching(found);
        await Script(found.Facts!.Spec, VmStep.Attach, cancel);
        return InLife(life, () =>
        {
            lock (Found) Found.RemoveAll(f => f.Id == found.Id);
            var machine = Vms.TryGetValue(found.Id, out var known) ? known.Machine : MachineOf(found);
            if (!machine.Alive) throw new VmFailedException(new VmFailure(VmFailureKind.Exited, $"process {found.Facts.Process.Pid} is gone"));
            return Vms[found.Id] = new FakeVm(this, machine);
        });
    }

    public async Task ReapAsync(FoundVm found, CancellationToken cancel)
    {
        var reaping = Reaping(found);
        Reaped.Enqueue(found.Id);
        await reaping;
        End(found.Id);
    }

    private void End(VmId id)
    {
        if (Vms.TryRemove(id, out var vm))
        {
            vm.Die("was reaped");
            vm.Machine.Remove();
        }
        lock (Found) Found.RemoveAll(f => f.Id == id);
    }

    /// <summary>What an operator had ended.</summary>
    public ConcurrentQueue<FoundVm> Ended { get; } = new();

    /// <summary>Called for each; throw to fail it.</summary>
    public Func<FoundVm, Task> Ending { get; set; } = _ => Task.CompletedTask;

    public async Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel)
    {
        await Ending(found);
        Ended.Enqueue(found);
        End(found.Id);
    }

    public static VmFacts FactsOf(VmId id, VmSpec spec, int pid)
    {
        var (ours, theirs) = ($"/run/vm/{id}", $"/run/client/{id}");
        var paths = new VmPaths(ours, theirs, $"{ours}/supervisor.sock", $"{theirs}/qmp.sock", $"{theirs}/agent.sock", $"{theirs}/console.sock", $"{theirs}/share");
        return new VmFacts(id, spec, paths, new ProcessIdentity(pid, 1), MadeBy.Boot);
    }

    /// <summary>No effect comes after <see cref="Kill"/> has returned.</summary>
    internal void WhileAlive(FakeVm vm, Action effect)
    {
        lock (_living)
        {
            if (vm.Dead) throw Killed();
            effect();
        }
    }

    private static VmFailedException Killed() => new(new VmFailure(VmFailureKind.Cancelled, "the daemon was killed"));

    private static FakeMachine MachineOf(FoundVm found)
    {
        var machine = new FakeMachine(found.Facts!) { Condition = VmCondition.Paused };
        if (found.Mark is { } mark) machine.Record(mark);
        if (found.Lease is { } lease) machine.SaveLease(lease);
        return machine;
    }

    private T InLife<T>(int life, Func<T> effect)
    {
        lock (_living) return life == _life ? effect() : throw Killed();
    }

    /// <summary>A clone comes paused.</summary>
    internal FakeVm AddClone(VmId id, VmSpec spec, VmPriority priority) => Vms[id] = new FakeVm(
        this, new FakeMachine(FactsOf(id, spec, Interlocked.Increment(ref _pid)) with { MadeBy = MadeBy.Clone }) { Condition = VmCondition.Paused, Priority = priority });

    private sealed class OneDaemon(FakeHypervisor host, int life) : IHypervisor
    {
        public Task<VmFailure?> PreflightAsync(VmSpec spec, CancellationToken cancel) => host.PreflightAsync(spec, cancel);

        public Task<IVm> CreateAsync(VmId id, VmSpec spec, VmPriority priority, CancellationToken cancel) => host.CreateAsync(id, spec, priority, life, cancel);

        public Task<IReadOnlyList<FoundVm>> FindAsync(CancellationToken cancel) => host.InLife(life, () => host.FindAsync(cancel));

        public Task<IVm> AttachAsync(FoundVm found, CancellationToken cancel) => host.AttachAsync(found, life, cancel);

        public Task ReapAsync(FoundVm found, CancellationToken cancel) => host.InLife(life, () => host.ReapAsync(found, cancel));

        public Task EndQuarantinedAsync(FoundVm found, CancellationToken cancel) => host.InLife(life, () => host.EndQuarantinedAsync(found, cancel));
    }
}
