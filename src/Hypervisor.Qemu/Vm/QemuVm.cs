using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>A running QEMU with its supervisor monitor, its process and its state file.</summary>
internal sealed class QemuVm : IVm
{
    /// <summary>When a process ends its monitor breaks first: so long the process's end may take to follow.</summary>
    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(1);
    private const int ConsoleLines = 15;

    private readonly QemuHypervisorOptions _options;
    private readonly QemuProcess _process;
    private readonly SupervisorMonitor _monitor;
    private readonly StateFile _state;
    private readonly RunState _run = new();
    // A VM makes few events; if its owner sleeps all the same, the latest count, Exited above all.
    private readonly Channel<VmEvent> _events = Channel.CreateBounded<VmEvent>(
        new BoundedChannelOptions(256) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });
    private readonly CancellationTokenSource _letGo = new();
    private readonly Lock _gate = new();
    private Task? _stopping;
    private IDisposable? _logLimit;
    private Task _following = Task.CompletedTask;
    private bool _disposed;

    private QemuVm(VmFacts facts, QemuHypervisorOptions options, QemuProcess process, SupervisorMonitor monitor, StateFile state)
    {
        Facts = facts;
        _options = options;
        _process = process;
        _monitor = monitor;
        _state = state;
    }

    public VmFacts Facts { get; }

    public ChannelReader<VmEvent> Events => _events.Reader;

    /// <summary>Learns the run state and follows the events from there on; owns what it is given once it returns.</summary>
    public static async Task<QemuVm> OpenAsync(
        VmFacts facts, QemuHypervisorOptions options, QemuProcess process, SupervisorMonitor monitor, StateFile state, CancellationToken cancel)
    {
        var vm = new QemuVm(facts, options, process, monitor, state);
        vm._run.Initialize(await monitor.StatusAsync(cancel).ConfigureAwait(false));
        // What came before the status is part of it: QEMU's own RESUME at its start is nobody's.
        while (monitor.Qmp.Events.TryRead(out var early))
            if (early.Name is "SHUTDOWN" or "GUEST_PANICKED") vm.Publish(vm._run.Apply(early));
        vm._logLimit = LogLimit.Shared.Watch(QemuPaths.Log(facts.Paths));
        vm._following = vm.FollowAsync();
        return vm;
    }

    public VmLiveness Probe()
    {
        var (alive, open, phase) = (_process.IsAlive, _monitor.IsOpen, _run.Phase);
        var detail = !alive ? "its process is gone"
            : !open ? "its monitor is closed"
            : phase == RunPhase.Running ? "it is running"
            : phase == RunPhase.Ended ? "its guest shut down or panicked"
            : "";
        return new VmLiveness(alive, open, phase == RunPhase.Paused, detail);
    }

    public async Task WaitForAgentAsync(CancellationToken cancel)
    {
        var last = "";
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancel, _letGo.Token);
        var asking = AgentProbe.WaitAsync(Facts.Paths.Agent, _options.AgentDeadline, why => last = why, attempt.Token);
        if (await Task.WhenAny(asking, _run.Trouble).ConfigureAwait(false) == asking && asking.IsCompletedSuccessfully) return;
        var trouble = _run.Trouble.IsCompletedSuccessfully ? await _run.Trouble.ConfigureAwait(false) : null;
        await attempt.CancelAsync().ConfigureAwait(false);
        try
        {
            await asking.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new VmFailedException(await BootFailureAsync(trouble, last).ConfigureAwait(false));
        }
    }

    public async Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel)
    {
        var agent = await AgentProbe.IdentifyAsync(Facts.Paths.Agent, _options.AgentDeadline, cancel).ConfigureAwait(false);
        // Kata 2.x to 4.x say 0.0.1: by the rules of such numbers another first one is another protocol.
        return agent.ProtocolVersion.Length == 0 || agent.ProtocolVersion.StartsWith("0.", StringComparison.Ordinal)
            ? agent
            : throw new VmFailedException(new VmFailure(VmFailureKind.Agent,
                $"the guest's agent {agent.AgentVersion} speaks version {agent.ProtocolVersion} of the agent's protocol; this daemon speaks 0.x",
                "use a guest whose agent is one of Kata 2.x to 4.x, or our own"));
    }

    public async Task PauseAsync(CancellationToken cancel)
    {
        ThrowIfEnded();
        var paused = _run.Until(RunPhase.Paused);
        await _monitor.ExecuteAsync("set-action", static json => json.WriteString("shutdown", "poweroff"), cancel).ConfigureAwait(false);
        await _monitor.ExecuteAsync("stop", null, cancel).ConfigureAwait(false);
        await ReachAsync(paused, "stop", cancel).ConfigureAwait(false);
    }

    public async Task ResumeAsync(CancellationToken cancel)
    {
        ThrowIfEnded();
        var running = _run.Until(RunPhase.Running);
        _run.ExpectResume();
        try
        {
            await _monitor.ExecuteAsync("cont", null, cancel).ConfigureAwait(false);
            await ReachAsync(running, "cont", cancel).ConfigureAwait(false);
        }
        catch (VmFailedException)
        {
            _run.ForgetResume();
            throw;
        }
    }

    public Task RecordAsync(VmMark mark, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        try
        {
            // One write of 160 bytes to a file that is open: cheaper than handing it to another thread.
            _state.Write(mark);
            return Task.CompletedTask;
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException)
        {
            return Task.FromException(new VmFailedException(HostFailures.From($"cannot write {QemuPaths.State(Facts.Paths)}", fault), fault));
        }
    }

    public Task<string> ReadConsoleAsync(CancellationToken cancel) => _monitor.ReadConsoleAsync(cancel);

    public Task StopAsync(CancellationToken cancel)
    {
        lock (_gate)
        {
            // After a stop that failed the next one tries again.
            if (_stopping is null || _stopping.IsFaulted) _stopping = EndAsync(cancel);
            return _stopping;
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
        }
        await _letGo.CancelAsync().ConfigureAwait(false);
        await _monitor.DisposeAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
        _logLimit?.Dispose();
        _process.Dispose();
        _state.Dispose();
    }

    private async Task EndAsync(CancellationToken cancel)
    {
        if (_process.IsAlive)
        {
            if (_monitor.IsOpen && !cancel.IsCancellationRequested) await QuitAsync(cancel).ConfigureAwait(false);
            if (_process.IsAlive)
                await _process.EndAsync(_options.TerminateDeadline, _options.KillDeadline, cancel).ConfigureAwait(false);
        }
        VmDirectories.Remove(Facts.Paths);
    }

    private async Task QuitAsync(CancellationToken cancel)
    {
        try
        {
            await _monitor.ExecuteAsync("quit", null, cancel, _options.QuitDeadline).ConfigureAwait(false);
            await _process.HasExitedWithinAsync(_options.QuitDeadline, cancel).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is VmFailedException or OperationCanceledException)
        {
            // A monitor that breaks or hangs here is what the signals are for.
            if (!_monitor.IsOpen) await _process.HasExitedWithinAsync(ExitGrace, cancel).ConfigureAwait(false);
        }
    }

    private void ThrowIfEnded()
    {
        if (_run.Phase == RunPhase.Ended && _run.Trouble.IsCompletedSuccessfully) throw new VmFailedException(_run.Trouble.Result);
    }

    private async Task ReachAsync(Task phase, string command, CancellationToken cancel)
    {
        try
        {
            await Task.WhenAny(phase, _run.Trouble).WaitAsync(_options.CommandDeadline, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VmFailedException(new VmFailure(VmFailureKind.Monitor,
                $"QEMU answered '{command}', but the vCPUs did not follow within {_options.CommandDeadline.TotalSeconds:0.#} s"));
        }
        if (!phase.IsCompleted) throw new VmFailedException(await _run.Trouble.ConfigureAwait(false));
    }

    private async Task<VmFailure> BootFailureAsync(VmFailure? trouble, string lastAttempt)
    {
        if (trouble is { Kind: not VmFailureKind.GuestStopped }) return trouble;
        var what = trouble?.Message ?? "the guest's agent did not answer within boot-timeout";
        if (trouble is null && lastAttempt.Length > 0) what += $" (last attempt: {lastAttempt})";
        var console = "";
        try
        {
            console = LogTail.Last(await ReadConsoleAsync(CancellationToken.None).ConfigureAwait(false), ConsoleLines);
        }
        catch (VmFailedException)
        {
            // The monitor is gone too: there is nothing to add to the failure.
        }
        return new VmFailure(VmFailureKind.Boot,
            console.Length == 0 ? what + "; its serial console is empty" : $"{what}; its last console output: {console.ReplaceLineEndings(" | ")}",
            "check that kernel, initrd or image and kernel parameters fit each other, or raise boot-timeout");
    }

    /// <summary>Hands events on until the process is gone or the VM is let go. Ends with Exited, which is always last.</summary>
    private async Task FollowAsync()
    {
        await foreach (var happened in _monitor.Qmp.Events.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            Publish(_run.Apply(happened));
        var reason = await _monitor.Qmp.Closed.ConfigureAwait(false);
        if (!await _process.HasExitedWithinAsync(ExitGrace, _letGo.Token).ConfigureAwait(false) && !_letGo.IsCancellationRequested)
        {
            _run.Fail(new VmFailure(VmFailureKind.Monitor, reason));
            Publish(new VmEvent.MonitorLost(reason));
        }
        try
        {
            var how = await _process.Exited.WaitAsync(_letGo.Token).ConfigureAwait(false);
            var log = LogTail.Read(QemuPaths.Log(Facts.Paths));
            _run.Fail(QemuMessages.Exited(how, log));
            Publish(new VmEvent.Exited(how, log));
        }
        catch (OperationCanceledException)
        {
            // Let go of, alive.
        }
        _events.Writer.TryComplete();
    }

    private void Publish(VmEvent? happened)
    {
        if (happened is not null) _events.Writer.TryWrite(happened);
    }
}
