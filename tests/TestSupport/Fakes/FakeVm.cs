using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

public enum VmStep
{
    Create, Attach, Agent, Check, Pause, Resume, Record, Stop, AddCpus, AddMemory, Save, Assign, OpenGuest, SaveLease,
    Describe, Online, Reseed, SetClock, Prepare, Exec,
}

/// <summary>A handle on a VM in memory: does each step as its hypervisor's script says.</summary>
public sealed class FakeVm : IVm
{
    private readonly FakeHypervisor _hypervisor;
    private readonly Channel<VmEvent> _events = Channel.CreateUnbounded<VmEvent>();
    private VmLiveness? _liveness;

    /// <exception cref="VmFailedException">Another handle holds the VM.</exception>
    public FakeVm(FakeHypervisor hypervisor, FakeMachine machine)
    {
        (_hypervisor, Machine) = (hypervisor, machine);
        machine.Take(this);
    }

    public FakeMachine Machine { get; }

    public VmFacts Facts => Machine.Facts;

    public ChannelReader<VmEvent> Events => _events.Reader;

    public VmSize Size => Machine.Size;

    public VmCondition Condition => Machine.Condition;

    /// <summary>As it is, unless a test sets it.</summary>
    public VmLiveness Liveness
    {
        get => _liveness is { } set && Machine.Alive ? set : Actual();
        set => _liveness = value;
    }

    public List<VmMark> Marks => Machine.Marks;

    public VmMark LastMark => Machine.LastMark;

    public bool Alive => Machine.Alive;

    public bool Disposed { get; private set; }

    /// <summary>The daemon that held it was killed: nothing it still does has an effect.</summary>
    public bool Dead { get; private set; }

    public VmLiveness Probe() => Liveness;

    public Task<VmFitness> CheckFitAsync(TimeSpan limit, CancellationToken cancel) => Task.FromResult(Machine.Ask(limit, Liveness));

    public Task<bool> HasClientAsync(CancellationToken cancel) => Task.FromResult(Machine.ClientConnected);

    public TimeSpan? ReadGuestCpu() => Machine.GuestCpu;

    public void RaisePriority() => Machine.Priority = VmPriority.Normal;

    public Task WaitForAgentAsync(CancellationToken cancel) => StepAsync(VmStep.Agent, static () => { }, cancel);

    public async Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel)
    {
        await StepAsync(VmStep.Check, static () => { }, cancel);
        return new AgentIdentity("fake", "1");
    }

    public Task PauseAsync(CancellationToken cancel) => StepAsync(VmStep.Pause, () =>
    {
        if (Condition == VmCondition.Saving) Machine.Condition = VmCondition.Paused;
        if (Condition == VmCondition.Running) Machine.Happen(new VmEvent.Stopped());
    }, cancel);

    public Task ResumeAsync(CancellationToken cancel, TimeSpan? limit = null) => StepAsync(VmStep.Resume, () =>
    {
        if (Condition != VmCondition.Running) Machine.Happen(new VmEvent.Resumed(ByUs: true));
    }, cancel);

    public Task RecordAsync(VmMark mark, CancellationToken cancel) => StepAsync(VmStep.Record, () => Machine.Record(mark), cancel);

    public Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel) =>
        PlugAsync(VmStep.AddCpus, count, done => Machine.Plug(done, 0), cancel);

    public Task<HotPlug> AddMemoryAsync(int mebibytes, int blockMiB, CancellationToken cancel) =>
        PlugAsync(VmStep.AddMemory, (mebibytes + blockMiB - 1) / blockMiB * blockMiB, done => Machine.Plug(0, done), cancel);

    public Task SaveAsync(string stateFile, CancellationToken cancel) => StepAsync(VmStep.Save, () => Machine.Saved.Add(stateFile), cancel);

    public Task AssignAsync(SandboxId sandbox, CancellationToken cancel) => StepAsync(VmStep.Assign, () =>
    {
        if (_hypervisor.Alive.FirstOrDefault(vm => vm.Machine.Sandbox == sandbox && vm.Machine != Machine) is { } other)
            throw new VmFailedException(new VmFailure(VmFailureKind.Configuration, $"sandbox {sandbox} has VM {other.Facts.Id} already"));
        Machine.Assign(sandbox);
    }, cancel);

    public async Task<IGuest> OpenGuestAsync(CancellationToken cancel)
    {
        await StepAsync(VmStep.OpenGuest, static () => { }, cancel);
        if (Condition != VmCondition.Running)
            throw new VmFailedException(new VmFailure(VmFailureKind.Agent, "the guest's agent did not answer: the VM is not running"));
        return Machine.Guest.Open(StepAsync);
    }

    public async Task<IGuest> PrepareGuestAsync(GuestPreparation preparation, CancellationToken cancel)
    {
        var guest = await OpenGuestAsync(cancel);
        try
        {
            await guest.PrepareAsync(preparation, cancel);
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    public Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel) =>
        StepAsync(VmStep.SaveLease, () => Machine.SaveLease(lease), cancel);

    public Task<string?> KeepRecordAsync(CancellationToken cancel) => Machine.KeepRecordAsync();

    public Task<string> ReadConsoleAsync(CancellationToken cancel) => Task.FromResult("line one\nKernel panic - not syncing\n");

    public Task StopAsync(CancellationToken cancel) => StepAsync(VmStep.Stop, Machine.Remove, cancel);

    public void Die(string how) => Machine.Die(how);

    public void Happen(VmEvent happened) => Machine.Happen(happened);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        Machine.LetGo(this);
        _events.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    internal void Publish(VmEvent happened) => _events.Writer.TryWrite(happened);

    internal void PublishEnd(VmEvent happened)
    {
        Publish(happened);
        _events.Writer.TryComplete();
    }

    internal void Kill()
    {
        Dead = true;
        Machine.LetGo(this);
        _events.Writer.TryComplete();
    }

    private async Task<HotPlug> PlugAsync(VmStep step, int wanted, Action<int> plug, CancellationToken cancel)
    {
        var done = 0;
        await StepAsync(step, () => plug(done = Math.Min(wanted, _hypervisor.Plugging(step, wanted))), cancel);
        return new HotPlug(wanted, done, done == wanted ? null : new VmFailure(VmFailureKind.Host, $"only {done} of {wanted} could be plugged"));
    }

    /// <summary>The script, then the effect; neither when the daemon was killed meanwhile.</summary>
    private async Task StepAsync(VmStep step, Action effect, CancellationToken cancel)
    {
        _hypervisor.WhileAlive(this, static () => { });
        await _hypervisor.Script(Facts.Spec, step, cancel);
        _hypervisor.WhileAlive(this, effect);
        await _hypervisor.Afterwards(Facts.Spec, step, cancel);
        _hypervisor.WhileAlive(this, static () => { });
    }

    private VmLiveness Actual()
    {
        var detail = !Machine.Alive ? "its process is gone" : Condition switch
        {
            VmCondition.Running => "it is running",
            VmCondition.Saving => "it is being saved",
            VmCondition.Ended => "its guest shut down or panicked",
            _ => "",
        };
        return new VmLiveness(
            Machine.Alive, Machine.Alive && !Disposed, Machine.Alive && Condition == VmCondition.Paused,
            Machine.Missing is { } path ? $"{path} is gone" : detail, Machine.Missing);
    }
}
