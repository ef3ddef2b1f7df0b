using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

public enum VmStep { Create, Agent, Check, Pause, Record, Stop }

/// <summary>A VM in memory: does each step as its hypervisor's script says, and remembers what was done to it.</summary>
public sealed class FakeVm(FakeHypervisor hypervisor, VmFacts facts, VmMark? mark = null) : IVm
{
    private readonly Channel<VmEvent> _events = Channel.CreateUnbounded<VmEvent>();

    public VmFacts Facts { get; } = facts;

    public ChannelReader<VmEvent> Events => _events.Reader;

    public VmLiveness Liveness { get; set; } = new(true, true, true, "");

    public List<VmMark> Marks { get; } = [];

    public VmMark? LastMark
    {
        get { lock (Marks) return Marks.Count == 0 ? mark : Marks[^1]; }
    }

    public bool Alive { get; private set; } = true;

    public bool Disposed { get; private set; }

    public VmLiveness Probe() => Liveness;

    public Task WaitForAgentAsync(CancellationToken cancel) => hypervisor.StepAsync(this, VmStep.Agent, cancel);

    public async Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel)
    {
        await hypervisor.StepAsync(this, VmStep.Check, cancel);
        return new AgentIdentity("fake", "1");
    }

    public Task PauseAsync(CancellationToken cancel) => hypervisor.StepAsync(this, VmStep.Pause, cancel);

    public Task ResumeAsync(CancellationToken cancel)
    {
        Happen(new VmEvent.Resumed(ByUs: true));
        return Task.CompletedTask;
    }

    public async Task RecordAsync(VmMark mark, CancellationToken cancel)
    {
        await hypervisor.StepAsync(this, VmStep.Record, cancel);
        lock (Marks) Marks.Add(mark);
    }

    public Task<string> ReadConsoleAsync(CancellationToken cancel) => Task.FromResult("line one\nKernel panic - not syncing\n");

    public async Task StopAsync(CancellationToken cancel)
    {
        await hypervisor.StepAsync(this, VmStep.Stop, cancel);
        Die("exited with status 0");
    }

    public void Die(string how)
    {
        Alive = false;
        Liveness = new VmLiveness(false, false, false, $"QEMU {how}");
        Happen(new VmEvent.Exited(how, ""));
        _events.Writer.TryComplete();
    }

    public void Happen(VmEvent happened) => _events.Writer.TryWrite(happened);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        _events.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }
}
