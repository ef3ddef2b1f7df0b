using System.Threading.Channels;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using VmCacheCluster.Hypervisor.Qemu.Processes;
using VmCacheCluster.Hypervisor.Qemu.Records;
using VmCacheCluster.Hypervisor.Qemu.Templates;
using VmCacheCluster.Qmp;

namespace VmCacheCluster.Hypervisor.Qemu.Vm;

/// <summary>A running QEMU with its supervisor monitor, its process and its state file.</summary>
internal sealed class QemuVm : IVm
{
    /// <summary>When a process ends its monitor breaks first: so long the process's end may take to follow.</summary>
    private static readonly TimeSpan ExitGrace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SettlePause = TimeSpan.FromMilliseconds(2);

    private readonly QemuHypervisorOptions _options;
    private readonly QemuProcess _process;
    private readonly SupervisorMonitor _monitor;
    private readonly VmRecords _records;
    private readonly RunState _run = new();
    private readonly HotPlugger _plugger;
    private readonly StateSaver _saver;
    private readonly GuestCpuTime _guestCpu;
    private readonly Companions _companions;
    private readonly Fitness _fitness;
    private readonly AgentPort _agentPort;
    private readonly VmGroup _group;
    // A VM makes few events; if its owner sleeps all the same, the latest count, Exited above all.
    private readonly Channel<VmEvent> _events = Channel.CreateBounded<VmEvent>(
        new BoundedChannelOptions(256) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });
    private readonly CancellationTokenSource _letGo = new();
    private readonly Lock _gate = new();
    private Task? _stopping;
    private IDisposable? _logLimit;
    private Task _following = Task.CompletedTask;
    private AgentIdentity? _said;
    private volatile string? _endedFor;
    private bool _disposed;

    private QemuVm(VmFacts facts, QemuHypervisorOptions options, QemuProcess process, SupervisorMonitor monitor, VmRecords records, Companions companions)
    {
        Facts = facts;
        _options = options;
        _process = process;
        _monitor = monitor;
        _records = records;
        _saver = new StateSaver(monitor);
        _guestCpu = new GuestCpuTime(facts.Process.Pid);
        _companions = companions;
        _fitness = new Fitness(facts, process, monitor, _run);
        _agentPort = new AgentPort(facts, monitor, companions);
        _group = new VmGroup(facts, options.ControlGroups?.Find(facts.Id));
        _plugger = new HotPlugger(monitor, facts, records, _group);
    }

    public VmFacts Facts { get; }

    public ChannelReader<VmEvent> Events => _events.Reader;

    public VmSize Size => _plugger.Size;

    public VmCondition Condition => _run.Phase;

    /// <summary>Learns the run state and follows the events from there on; owns what it is given once it returns.</summary>
    public static async Task<QemuVm> OpenAsync(
        VmFacts facts, QemuHypervisorOptions options, QemuProcess process, SupervisorMonitor monitor, VmRecords records, Companions companions,
        CancellationToken cancel)
    {
        var vm = new QemuVm(facts, options, process, monitor, records, companions);
        vm._run.Initialize(await monitor.StatusAsync(cancel).ConfigureAwait(false), saving: false);
        vm._agentPort.Starts();
        vm.Follow();
        return vm;
    }

    /// <summary>The same for a VM that an earlier process of the daemon may have left in the middle of anything.</summary>
    /// <param name="recorded">Its size as that process recorded it last.</param>
    public static async Task<QemuVm> ReopenAsync(
        VmFacts facts, VmSize? recorded, QemuHypervisorOptions options, QemuProcess process, SupervisorMonitor monitor, VmRecords records, Companions companions,
        CancellationToken cancel)
    {
        var vm = new QemuVm(facts, options, process, monitor, records, companions);
        var (status, migration, size) = (monitor.StatusAsync(cancel), monitor.MigrationAsync(cancel), vm._plugger.LearnAsync(recorded, cancel));
        await Task.WhenAll(status, migration, size).ConfigureAwait(false);
        vm._run.Initialize(await status.ConfigureAwait(false), StateSaver.IsUnderWay((await migration.ConfigureAwait(false)).Status));
        vm._agentPort.Marked(records.Mark, vm.Condition);
        vm.Follow();
        return vm;
    }

    public VmLiveness Probe() => _fitness.Probe();

    public Task<VmFitness> CheckFitAsync(TimeSpan limit, CancellationToken cancel) => _fitness.CheckAsync(limit, cancel);

    public Task<bool> HasClientAsync(CancellationToken cancel) =>
        Task.Run(() => UnixConnections.Read()?.Any(Facts.Paths.Qmp, Facts.Paths.Agent, Facts.Paths.Console) ?? true, cancel);

    public Task WaitForAgentAsync(CancellationToken cancel) => WaitForAgentAsync(BootLimit.BootTimeout, cancel);

    internal async Task WaitForAgentAsync(BootLimit limit, CancellationToken cancel)
    {
        var last = "";
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancel, _letGo.Token);
        _said = null;
        var asking = _agentPort.AskAsync(_options.AgentDeadline, why => last = why, attempt.Token);
        if (await Task.WhenAny(asking, _run.Trouble).ConfigureAwait(false) == asking && asking.IsCompletedSuccessfully)
        {
            _said = await asking.ConfigureAwait(false);
            return;
        }
        var trouble = _run.Trouble.IsCompletedSuccessfully ? await _run.Trouble.ConfigureAwait(false) : null;
        await attempt.CancelAsync().ConfigureAwait(false);
        try
        {
            await asking.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            var wrong = trouble is null ? await AgentProbe.WrongGenerationAsync(Facts, ExitGrace).ConfigureAwait(false) : null;
            throw new VmFailedException(
                wrong is null ? await BootFailure.OfAsync(trouble, limit, last, _monitor).ConfigureAwait(false) : new VmFailure(VmFailureKind.Configuration, wrong));
        }
    }

    public async Task<AgentIdentity> CheckAgentAsync(CancellationToken cancel)
    {
        // Whoever waited for the agent has asked it already.
        var agent = _said ?? await AgentProbe.IdentifyAsync(Facts, _options.AgentDeadline, cancel).ConfigureAwait(false);
        _said = null;
        // Kata's agents of all generations say 0.0.1: by the rules of such numbers another first one is another protocol.
        return agent.ProtocolVersion.Length == 0 || agent.ProtocolVersion.StartsWith("0.", StringComparison.Ordinal)
            ? agent
            : throw new VmFailedException(new VmFailure(VmFailureKind.Agent,
                $"the guest's agent {agent.AgentVersion} speaks version {agent.ProtocolVersion} of the agent's protocol; this daemon speaks 0.x",
                "use a guest whose agent is one of Kata 2.x to 4.x, or our own"));
    }

    public async Task PauseAsync(CancellationToken cancel)
    {
        ThrowIfEnded();
        if (Condition == VmCondition.Saving) await EndSavingAsync(cancel).ConfigureAwait(false);
        var paused = _run.Until(VmCondition.Paused);
        _agentPort.Rest();
        await _monitor.ExecuteAsync("set-action", static json => json.WriteString("shutdown", "poweroff"), cancel).ConfigureAwait(false);
        await _monitor.ExecuteAsync("stop", null, cancel).ConfigureAwait(false);
        await ReachAsync(paused, "stop", cancel).ConfigureAwait(false);
        // A RESUME that was still on its way before may have woken it.
        _agentPort.Rest();
        await _guestCpu.RestAsync(cancel).ConfigureAwait(false);
    }

    public async Task ResumeAsync(CancellationToken cancel, TimeSpan? limit = null)
    {
        ThrowIfEnded();
        if (Condition == VmCondition.Saving) await EndSavingAsync(cancel).ConfigureAwait(false);
        var running = _run.Until(VmCondition.Running);
        _run.ExpectResume();
        _agentPort.Wake();
        try
        {
            await _monitor.ExecuteAsync("cont", null, cancel, limit).ConfigureAwait(false);
            await ReachAsync(running, "cont", cancel).ConfigureAwait(false);
        }
        catch (VmFailedException)
        {
            _run.ForgetResume();
            throw;
        }
    }

    public TimeSpan? ReadGuestCpu() => _process.IsAlive ? _guestCpu.Read() : null;

    /// <inheritdoc/>
    public void RaisePriority()
    {
        if (_process.IsAlive) ProcessPriority.Raise(_process.Identity.Pid);
    }

    public async Task<HotPlug> AddCpusAsync(int count, CancellationToken cancel)
    {
        var plug = await _plugger.AddCpusAsync(count, cancel).ConfigureAwait(false);
        _guestCpu.Forget();
        return plug;
    }

    public Task<HotPlug> AddMemoryAsync(int mebibytes, int blockMiB, CancellationToken cancel) =>
        _plugger.AddMemoryAsync(HotPlugCommands.WholeBlocks(mebibytes, blockMiB), cancel);

    public async Task SaveAsync(string stateFile, CancellationToken cancel)
    {
        ThrowIfEnded();
        if (Condition != VmCondition.Paused)
            throw new VmFailedException(new VmFailure(VmFailureKind.Internal, $"VM {Facts.Id} is not paused: it cannot be saved"));
        var unfinished = stateFile + ".new";
        try
        {
            await _saver.SaveAsync(unfinished, cancel).ConfigureAwait(false);
            // It is written; what is left must not be given up half-way.
            await SettleAsync(CancellationToken.None).ConfigureAwait(false);
            OnHost($"cannot write {stateFile}", () => File.Move(unfinished, stateFile, overwrite: true));
        }
        catch (VmFailedException)
        {
            OnHost($"cannot remove {unfinished}", () => File.Delete(unfinished));
            throw;
        }
    }

    /// <summary>Writes the device state of a paused VM whose memory is shared. It is of no use afterwards, and is to be stopped.</summary>
    internal async Task SaveTemplateAsync(string stateFile, CancellationToken cancel)
    {
        ThrowIfEnded();
        await StateLoader.IgnoreSharedMemoryAsync(_monitor, cancel).ConfigureAwait(false);
        await _saver.SaveAsync(stateFile, cancel).ConfigureAwait(false);
    }

    public Task AssignAsync(SandboxId sandbox, CancellationToken cancel) => Task.Run(() => SandboxLinks.Make(Facts.Paths, sandbox), cancel);

    public async Task<IGuest> OpenGuestAsync(CancellationToken cancel)
    {
        ThrowIfEnded();
        return await QemuGuest.OpenAsync(Facts, _options, cancel).ConfigureAwait(false);
    }

    public async Task<IGuest> PrepareGuestAsync(GuestPreparation preparation, CancellationToken cancel)
    {
        ThrowIfEnded();
        return await QemuGuest.PreparedAsync(Facts, preparation, _options, cancel).ConfigureAwait(false);
    }

    public Task SaveLeaseAsync(LeaseRecord lease, CancellationToken cancel) => _records.SaveLeaseAsync(lease, cancel);

    public Task RecordAsync(VmMark mark, CancellationToken cancel)
    {
        _agentPort.Marked(mark, Condition);
        _group.Marked(mark, Size);
        return _records.RecordAsync(mark, cancel);
    }

    public Task<string?> KeepRecordAsync(CancellationToken cancel) => _records.KeepAsync(cancel);

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
        _companions.Dispose();
        _process.Dispose();
        _records.Dispose();
    }

    private void Follow()
    {
        // What came before the status is part of it: QEMU's own RESUME at its start is nobody's.
        while (_monitor.Qmp.Events.TryRead(out var early))
            if (early.Name is "SHUTDOWN" or "GUEST_PANICKED") Publish(_run.Apply(early));
        _logLimit = LogLimit.Shared.Watch(QemuPaths.Log(Facts.Paths));
        _following = FollowAsync();
        _companions.Watch(_process, how => _endedFor = how);
    }

    private async Task EndSavingAsync(CancellationToken cancel)
    {
        await _saver.CancelAsync(cancel).ConfigureAwait(false);
        await SettleAsync(cancel).ConfigureAwait(false);
        _run.EndSaving();
    }

    /// <summary>
    /// A VM that was written is in the state "postmigrate", which "cont" alone leaves; from there QEMU would not write it
    /// again. The guest runs for some microseconds. QEMU aborts at a "cont" in the state before that one.
    /// </summary>
    private async Task SettleAsync(CancellationToken cancel)
    {
        string status;
        while ((status = await _monitor.StatusAsync(cancel).ConfigureAwait(false)) is "finish-migrate" or "save-vm")
            await Task.Delay(SettlePause, cancel).ConfigureAwait(false);
        if (status != "postmigrate") return;
        _run.EndSaving();
        await ResumeAsync(cancel).ConfigureAwait(false);
        await PauseAsync(cancel).ConfigureAwait(false);
    }

    private static void OnHost(string what, Action action)
    {
        try
        {
            action();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new VmFailedException(HostFailures.From(what, fault), fault);
        }
    }

    private async Task EndAsync(CancellationToken cancel)
    {
        if (_process.IsAlive)
        {
            if (_monitor.IsOpen && !_fitness.Silent && !cancel.IsCancellationRequested) await QuitAsync(cancel).ConfigureAwait(false);
            if (_process.IsAlive)
                await _process.EndAsync(_options.TerminateDeadline, _options.KillDeadline, cancel).ConfigureAwait(false);
        }
        await _companions.EndAsync(_options.KillDeadline).ConfigureAwait(false);
        _records.End();
        await Task.Run(_group.Remove, CancellationToken.None).ConfigureAwait(false);
        await VmDirectories.RemoveAsync(Facts.Paths, _options.RemoveDeadline).ConfigureAwait(false);
        _options.Users?.Return(Facts.User);
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
        if (_run.Phase == VmCondition.Ended && _run.Trouble.IsCompletedSuccessfully) throw new VmFailedException(_run.Trouble.Result);
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

    /// <summary>Hands events on until the process is gone or the VM is let go. Ends with Exited, which is always last.</summary>
    private async Task FollowAsync()
    {
        await foreach (var happened in _monitor.Qmp.Events.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            Publish(_run.Apply(happened));
            if (happened.Name == "RESUME") _agentPort.Wake();
        }
        var reason = await _monitor.Qmp.Closed.ConfigureAwait(false);
        if (!await _process.HasExitedWithinAsync(ExitGrace, _letGo.Token).ConfigureAwait(false) && !_letGo.IsCancellationRequested)
        {
            _run.Fail(new VmFailure(VmFailureKind.Monitor, reason));
            Publish(new VmEvent.MonitorLost(reason));
        }
        try
        {
            var exit = await _process.Exited.WaitAsync(_letGo.Token).ConfigureAwait(false);
            var how = _group.WhyEnded() ?? _endedFor ?? (_run.GuestEnd is { } why ? $"{exit}, for {why}" : exit);
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
