using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>
/// One VM, from its creation until its process is gone; the single writer of its state. What to do is decided by
/// <see cref="VmLifecycle"/>; this actor does it and reports back to itself. Stopping the actor never stops the VM.
/// </summary>
public sealed class VmActor : ReceiveActor, IWithTimers, IWithStash, IVmWork
{
    private static readonly TimeSpan StopRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AttachRetry = TimeSpan.FromSeconds(5);

    private readonly VmState _state;
    private readonly VmHandOut _handOut;
    private readonly VmHolder _holder;
    private readonly VmGrace _grace;
    private readonly VmFitnessCheck _fitness;
    private readonly VmRecordWatch _records;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Holdings _holdings = new();
    private readonly CancellationTokenSource _whole = new();

    private int _operation;
    private bool _hurried;
    private CancellationTokenSource _cancel = new();

    public VmActor(VmPlan plan, VmPorts ports)
    {
        _state = new VmState(plan, ports);
        _handOut = new VmHandOut(_state, this);
        _holder = new VmHolder(_state, this);
        _grace = new VmGrace(_state, this, () => Timers);
        _fitness = new VmFitnessCheck(_state, _handOut, this, () => Timers);
        _records = new VmRecordWatch(_state, this, () => Timers, _log);

        Receive<OperationDone>(done => { if (done.Operation == _operation) Apply(done.Input); });
        Receive<VmMade>(OnMade);
        Receive<VmAttached>(OnAttached);
        Receive<AttachFailed>(OnAttachFailed);
        Receive<AttachDue>(_ => Attach());
        Receive<VmStilled>(OnStilled);
        Receive<VmPrepared>(_handOut.Prepared);
        Receive<CommandDone>(_holder.Performed);
        Receive<GuestOpened>(_holder.GuestOpened);
        Receive<FitnessDue>(_ => _fitness.Due());
        Receive<FitnessKnown>(_fitness.Known);
        Receive<HeldDue>(_ => _grace.Due());
        Receive<ClientKnown>(_grace.Known);
        Receive<RecordCheckDue>(_ => _records.Look());
        Receive<RecordChecked>(_records.Checked);
        Receive<VmInput>(Apply);
        Receive<VmEvent>(happened => { if (VmEvents.InputOf(happened) is { } input) Apply(input); });

        Receive<ReserveVm>(WhenTakenOver<ReserveVm>(_handOut.Ask));
        Receive<ReturnVm>(_ => _handOut.Return());
        Receive<HurryVm>(_ => Hurry());
        Receive<StopVm>(stop => Apply(new VmInput.Stop(stop.Reason)));
        Receive<ReleaseVm>(WhenTakenOver<ReleaseVm>(release => _holder.Release(release, Sender)));
        Receive<RenewLease>(WhenTakenOver<RenewLease>(renew => _holder.Renew(renew, Sender)));
        Receive<UseGuest>(WhenTakenOver<UseGuest>(use => _holder.UseGuest(use, Sender)));
        Receive<UseSocket>(WhenTakenOver<UseSocket>(use => _holder.UseSocket(use, Sender)));
        Receive<RunVmCommand>(WhenTakenOver<RunVmCommand>(run => _holder.Command(run, Sender)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    protected override void PreStart()
    {
        if (_state.Plan.Ending is { } ending) GoOnEnding(ending);
        else if (_state.Plan.Found is null) Create();
        else Attach();
    }

    protected override void PostStop()
    {
        _cancel.Cancel();
        _whole.Cancel();
        _ = _holdings.LetGoOfAllAsync();
        _holder.GiveUp();
        _handOut.GiveUp();
        _fitness.LetOthersEnd();
    }

    /// <summary>While a VM of an earlier daemon is being taken over, its holders wait.</summary>
    private Action<T> WhenTakenOver<T>(Action<T> handle) => message =>
    {
        if (_state.Vm is null && _state.Plan.Found is not null && !_state.Life.Ended) Stash.Stash();
        else handle(message);
    };

    // ---- life ----

    private void Apply(VmInput input)
    {
        var decision = VmLifecycle.Decide(_state.Life, input);
        if (decision.Handled) Adopt(decision);
        else _log.Debug("VM {0}: {1} means nothing while {2}", _state.Plan.Id, input.GetType().Name, _state.Life.Phase);
    }

    private void Adopt(VmDecision decision)
    {
        var changed = decision.Next != _state.Life;
        _state.Life = decision.Next;
        // Before its sockets close.
        if (_state.Life.Ended) _holder.Ended();
        VmInput? next = null;
        foreach (var effect in decision.Effects) next = Run(effect) ?? next;
        if (next is not null)
        {
            Apply(next);
            return;
        }

        // The pool hears that the VM ends before it serves anew whoever was to have it.
        if (changed) Told();
        if (changed) Watch();
        _handOut.TellRefusals();
    }

    private void Watch()
    {
        _fitness.Watch();
        _records.Watch();
        _grace.Watch();
    }

    private void Told()
    {
        // The pool knows which VM Kata's callers have claimed, and which are asked first; what it hears next is what became of it.
        if (_state.Life is not { Phase: VmPhase.Reserved, Path: HandOutPath.Kata } && !_handOut.Proving) Report();
    }

    /// <returns>What the effect had as its result at once; null when there is none, or it comes as a message.</returns>
    private VmInput? Run(VmEffect effect)
    {
        switch (effect)
        {
            case VmEffect.WaitForAgent:
                Start(_state.Vm!.WaitForAgentAsync(NewCancellation(_state.Plan.BootTimeout)), new VmInput.AgentAnswered());
                break;
            case VmEffect.CheckAgent:
                Start(_state.Vm!.CheckAgentAsync(NewCancellation(_state.Plan.BootTimeout)), new VmInput.AgentChecked());
                break;
            case VmEffect.Prime:
                Start(Priming.RunAsync(_state.Vm!, _state.Plan.Id, NewCancellation(_state.Plan.BootTimeout)), new VmInput.Primed());
                break;
            case VmEffect.Pause:
                Pause(_state.Vm!);
                break;
            case VmEffect.Reserve:
                return _handOut.Reserve();
            case VmEffect.Prepare:
                _handOut.Prepare();
                break;
            case VmEffect.Perform:
                _holder.Perform();
                break;
            case VmEffect.RecordConfirmed:
                _ = RecordAside(VmOwnership.Confirmed);
                break;
            case VmEffect.RecordWarm:
                _ = RecordAside(VmOwnership.Warm);
                break;
            case VmEffect.StartGrace:
                _grace.Start();
                break;
            case VmEffect.CancelGrace:
                _grace.Cancel();
                break;
            case VmEffect.StartLease:
                StartLease();
                break;
            case VmEffect.CancelOperation:
                _cancel.Cancel();
                break;
            case VmEffect.Stop:
                Stop();
                break;
            case VmEffect.RetryStopLater:
                _fitness.LetOthersEnd();
                Timers.StartSingleTimer(nameof(VmEffect.RetryStopLater), new VmInput.StopRetryDue(), StopRetry);
                break;
            case VmEffect.AnswerReserved:
                _handOut.Answer();
                break;
            case VmEffect.AnswerRefused:
                _handOut.Refuse();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not a VM's effect");
        }

        return null;
    }

    private void Create()
    {
        var cancel = NewCancellation(_state.Plan.BootTimeout);
        _holdings.KeepAsync(Making.CreateAsync(_state.Ports, _state.Plan, cancel), vm => vm)
            .PipeTo(Self, success: vm => new VmMade(vm), failure: e => Failures.NotMade(e, _state.Plan.BootTimeout));
    }

    private void OnMade(VmMade made)
    {
        Hold(made.Vm);
        if (_hurried) made.Vm.RaisePriority();
        Apply(_state.Plan.Template is null ? new VmInput.Created() : new VmInput.Loaded(_state.Plan.Prime));
    }

    private void Hurry()
    {
        _hurried = true;
        if (_state.Life.Making) _state.Vm?.RaisePriority();
    }

    // ---- taking over ----

    private void Attach()
    {
        _state.Life = VmLifecycle.WhileTakenOver(_state.Plan.Found!.Mark!);
        _holdings.KeepAsync(TakeOver.RunAsync(_state.Ports, _state.Plan.Found!, NewCancellation(Timeout.InfiniteTimeSpan)), taken => taken.Vm)
            .PipeTo(Self, success: taken => new VmAttached(taken), failure: e => new AttachFailed(Failures.From(e, TimeSpan.Zero)));
    }

    private void OnAttached(VmAttached attached)
    {
        var taken = attached.Taken;
        Hold(taken.Vm);
        if (_state.Life.Ended)
        {
            // Told to end meanwhile.
            Apply(new VmInput.Created());
            return;
        }

        var mark = _state.Plan.Found!.Mark!;
        _state.GuestCpu = mark.GuestCpu;
        // Of a warm one, that is when it became warm.
        if (_state.Life.Held) _grace.GoesOn(mark.Since);
        Adopt(VmLifecycle.Resume(mark, AdoptionRules.Consider(mark, taken.Condition, taken.GuestCpu)));
        if (taken.Condition == VmCondition.Saving) RecordGuestCpu();
        Watch();
        Report();
        Stash.UnstashAll();
    }

    /// <summary>A handed-out VM belongs to its holder: as long as it lives, it is tried again and never ended for this.</summary>
    private void OnAttachFailed(AttachFailed failed)
    {
        if (_state.Life.Phase == VmPhase.Adopting) Apply(new VmInput.OperationFailed(failed.Failure));
        else if (_state.Life.Ended) return;
        else if (failed.Failure.Kind == VmFailureKind.Exited) Apply(new VmInput.Exited("is gone", ""));
        else
        {
            _log.Warning("VM {0}: cannot be taken over yet: {1}", _state.Plan.Id, failed.Failure);
            Timers.StartSingleTimer(nameof(AttachDue), AttachDue.Instance, AttachRetry);
            return;
        }

        Stash.UnstashAll();
    }

    private void Hold(IVm vm)
    {
        _state.Hold(vm);
        _records.Start();
        _ = ForwardEventsAsync(vm, Self);
    }

    private static async Task ForwardEventsAsync(IVm vm, ICanTell self)
    {
        await foreach (var happened in vm.Events.ReadAllAsync().ConfigureAwait(false))
        {
            self.Tell(happened, ActorRefs.NoSender);
        }
    }

    // ---- lease, records ----

    private void StartLease()
    {
        if (_state.Lease?.Left(_state.Ports) is { } left) Timers.StartSingleTimer(nameof(VmEffect.StartLease), new VmInput.LeaseExpired(), left);
    }

    private void Pause(IVm vm)
    {
        var (number, limit) = (++_operation, _state.Plan.BootTimeout);
        Making.PauseAsync(vm, NewCancellation(limit)).PipeTo(Self,
            success: cpu => new VmStilled(number, cpu),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, limit))));
    }

    private void OnStilled(VmStilled stilled)
    {
        if (stilled.Operation != _operation || _state.Life.Phase != VmPhase.Pausing) return;
        _state.GuestCpu = stilled.GuestCpu;
        _state.AnsweredAt = _state.Ports.Time.GetTimestamp();
        Start(_state.RecordAsync(VmOwnership.Warm), new VmInput.Paused());
    }

    /// <summary>A warm VM whose guest has used more than its mark says is one that somebody ran.</summary>
    private void RecordGuestCpu()
    {
        if (_state.Life.Phase != VmPhase.Warm) return;
        _state.GuestCpu = _state.Vm!.ReadGuestCpu() ?? TimeSpan.Zero;
        _ = RecordAside(VmOwnership.Warm);
    }

    /// <returns>Ends when it is recorded, or could not be: that stops nothing.</returns>
    private Task RecordAside(VmOwnership ownership)
    {
        var (log, id) = (_log, _state.Plan.Id);
        var recording = _state.RecordAsync(ownership);
        return recording.IsCompletedSuccessfully ? recording : recording.ContinueWith(
            t =>
            {
                if (t.Exception is { } e) log.Warning("VM {0}: its state '{1}' could not be recorded: {2}", id, ownership, e.InnerException!.Message);
            },
            TaskScheduler.Default);
    }

    private void Stop()
    {
        var stopping = _state.Vm is { } vm
            ? StopAsync(vm, RecordAside(VmOwnership.Stopping))
            : _state.Ports.Hypervisor.ReapAsync(_state.Plan.Found ?? FoundVm.Unseen(_state.Plan.Id), CancellationToken.None);
        _operation++;
        stopping.PipeTo(Self,
            success: () => new VmInput.StopDone(),
            failure: e => new VmInput.StopFailed(Failures.From(e, TimeSpan.Zero)));
    }

    private void GoOnEnding(VmEnding ending)
    {
        _state.Life = new VmLife(VmPhase.Stopping, Ending: ending);
        Run(VmEffect.RetryStopLater);
        Report();
    }

    /// <summary>A daemon that dies meanwhile is followed by one that knows whose this VM is not any more.</summary>
    private static async Task StopAsync(IVm vm, Task recorded)
    {
        await recorded.ConfigureAwait(false);
        await vm.StopAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private void Start(Task operation, VmInput done)
    {
        var number = ++_operation;
        var limit = _state.Plan.BootTimeout;
        operation.PipeTo(Self,
            success: () => new OperationDone(number, done),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, limit))));
    }

    private CancellationToken NewCancellation(TimeSpan timeout)
    {
        _cancel.Dispose();
        _cancel = new CancellationTokenSource(timeout, _state.Ports.Time);
        return _cancel.Token;
    }

    /// <summary>For what goes on beside the VM's life, whose end ends it too.</summary>
    private CancellationToken Within(TimeSpan limit)
    {
        var budget = new CancellationTokenSource(limit, _state.Ports.Time);
        return CancellationTokenSource.CreateLinkedTokenSource(budget.Token, _whole.Token).Token;
    }

    CancellationToken IVmWork.Whole => _whole.Token;
    bool IVmWork.Prove(HandOutPath path) => _fitness.Prove(path);

    private void Report() => Context.Parent.Tell(_state.Change());
    IActorRef IVmWork.Self => Self;
    IActorRef IVmWork.Pool => Context.Parent;
    Holdings IVmWork.Holdings => _holdings;
    void IVmWork.Apply(VmInput input) => Apply(input);
    void IVmWork.Report() => Report();
    void IVmWork.Start(Task operation, VmInput done) => Start(operation, done);
    int IVmWork.NewOperation() => ++_operation;
    bool IVmWork.IsCurrent(int operation) => operation == _operation;
    CancellationToken IVmWork.NewCancellation(TimeSpan limit) => NewCancellation(limit);
    CancellationToken IVmWork.Within(TimeSpan limit) => Within(limit);
    void IVmWork.StartLease() => StartLease();

    private sealed record VmMade(IVm Vm);
    private sealed record VmStilled(int Operation, TimeSpan GuestCpu);
    private sealed record VmAttached(TakenVm Taken);
    private sealed record AttachFailed(VmFailure Failure);
    private sealed record AttachDue { public static readonly AttachDue Instance = new(); }
}
