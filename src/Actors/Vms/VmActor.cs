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
public sealed class VmActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan StopRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AttachRetry = TimeSpan.FromSeconds(5);

    private readonly VmPlan _plan;
    private readonly VmPorts _ports;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    private VmLife _life = VmLife.New;
    private VmFacts? _facts;
    private IVm? _vm;
    private ReserveVm? _reserving;
    private DateTimeOffset? _confirmBefore;
    private bool _reserved;
    private int _operation;
    private CancellationTokenSource _cancel = new();
    private Task _lastRecord = Task.CompletedTask;

    public VmActor(VmPlan plan, VmPorts ports)
    {
        _plan = plan;
        _ports = ports;
        _facts = plan.Found?.Facts;

        Receive<OperationDone>(done => { if (done.Operation == _operation) Apply(done.Input); });
        Receive<VmMade>(OnMade);
        Receive<VmAttached>(OnAttached);
        Receive<AttachFailed>(OnAttachFailed);
        Receive<AttachDue>(_ => Attach());
        Receive<VmInput>(Apply);
        Receive<VmEvent>(OnEvent);

        Receive<ReserveVm>(OnReserve);
        Receive<ReturnVm>(_ => OnReturn());
        Receive<StopVm>(stop => Apply(new VmInput.Stop(stop.Reason)));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        if (_plan.Found is null) Create();
        else Attach();
    }

    protected override void PostStop()
    {
        _cancel.Cancel();
        _ = _vm?.DisposeAsync().AsTask();
    }

    private void Apply(VmInput input)
    {
        var decision = VmLifecycle.Decide(_life, input);
        if (!decision.Handled)
        {
            _log.Debug("VM {0}: {1} means nothing while {2}", _plan.Id, input.GetType().Name, _life.Phase);
            return;
        }

        Adopt(decision);
    }

    private void Adopt(VmDecision decision)
    {
        var changed = decision.Next != _life;
        _life = decision.Next;
        foreach (var effect in decision.Effects) Run(effect);
        if (_reserved)
        {
            _reserved = false;
            Apply(new VmInput.ReserveRecorded());
            return;
        }

        if (!changed) return;
        // The pool knows whom it has promised to a caller; what it hears next is what became of it.
        if (_life.Phase != VmPhase.Reserved) Report();
        if (_life.Phase == VmPhase.Gone) Context.Stop(Self);
    }

    private void Run(VmEffect effect)
    {
        switch (effect)
        {
            case VmEffect.WaitForAgent:
                Start(_vm!.WaitForAgentAsync(NewCancellation(_plan.BootTimeout)), new VmInput.AgentAnswered());
                break;
            case VmEffect.CheckAgent:
                Start(_vm!.CheckAgentAsync(NewCancellation(_plan.BootTimeout)), new VmInput.AgentChecked());
                break;
            case VmEffect.Pause:
                Start(PauseAsync(_vm!, NewCancellation(_plan.BootTimeout)), new VmInput.Paused());
                break;
            case VmEffect.Reserve:
                Reserve(_vm!);
                break;
            case VmEffect.RecordConfirmed:
                RecordAside(VmOwnership.Confirmed);
                break;
            case VmEffect.RecordWarm:
                RecordAside(VmOwnership.Warm);
                break;
            case VmEffect.StartGrace:
                StartGrace();
                break;
            case VmEffect.CancelGrace:
                _confirmBefore = null;
                Timers.Cancel(nameof(VmEffect.StartGrace));
                break;
            case VmEffect.CancelOperation:
                _cancel.Cancel();
                break;
            case VmEffect.Stop:
                Stop();
                break;
            case VmEffect.RetryStopLater:
                Timers.StartSingleTimer(nameof(VmEffect.RetryStopLater), new VmInput.StopRetryDue(), StopRetry);
                break;
            case VmEffect.AnswerReserved:
                var granted = new BaseVmGranted(_facts!, _reserving!.Served, _plan.Grace, Self, _plan.Door);
                if (!_reserving.Caller.Ticket.TryAnswer(granted)) Self.Tell(new ReturnVm(_plan.Id));
                _reserving = null;
                break;
            case VmEffect.AnswerRefused:
                if (_reserving is not null) Refuse(_reserving, _life.Ending?.Reason ?? $"it is {_life.Phase}");
                _reserving = null;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not a VM's effect");
        }
    }

    private void Create()
    {
        var cancel = NewCancellation(_plan.BootTimeout);
        CreateAsync(_ports.Hypervisor, _plan, cancel)
            .PipeTo(Self, success: vm => new VmMade(vm), failure: e => new VmInput.OperationFailed(Failures.From(e, _plan.BootTimeout)));
    }

    private static async Task<IVm> CreateAsync(IHypervisor hypervisor, VmPlan plan, CancellationToken cancel)
    {
        if (await hypervisor.PreflightAsync(plan.Spec, cancel).ConfigureAwait(false) is { } fault) throw new VmFailedException(fault);
        return await hypervisor.CreateAsync(plan.Id, plan.Spec, cancel).ConfigureAwait(false);
    }

    private void OnMade(VmMade made)
    {
        Hold(made.Vm);
        Apply(new VmInput.Created());
    }

    private void Attach()
    {
        _life = _life with { Phase = VmPhase.Leased };
        _ports.Hypervisor.AttachAsync(_plan.Found!, NewCancellation(_plan.BootTimeout))
            .PipeTo(Self, success: vm => new VmAttached(vm), failure: e => new AttachFailed(Failures.From(e, _plan.BootTimeout)));
    }

    private void OnAttached(VmAttached attached)
    {
        Hold(attached.Vm);
        Adopt(VmLifecycle.Resume(_plan.Found!.Mark!));
        if (!attached.Vm.Probe().Paused) Apply(new VmInput.Ran());
        Report();
    }

    /// <summary>A handed-out VM belongs to its holder: as long as it lives, it is tried again and never ended for this.</summary>
    private void OnAttachFailed(AttachFailed failed)
    {
        _log.Warning("VM {0}: cannot be taken over yet: {1}", _plan.Id, failed.Failure);
        if (failed.Failure.Kind == VmFailureKind.Exited) Apply(new VmInput.Exited("is gone", ""));
        else Timers.StartSingleTimer(nameof(AttachDue), AttachDue.Instance, AttachRetry);
    }

    private void Hold(IVm vm)
    {
        _vm = vm;
        _facts = vm.Facts;
        _ = ForwardEventsAsync(vm, Self);
    }

    private static async Task ForwardEventsAsync(IVm vm, ICanTell self)
    {
        await foreach (var happened in vm.Events.ReadAllAsync().ConfigureAwait(false))
        {
            self.Tell(happened, ActorRefs.NoSender);
        }
    }

    private void OnEvent(VmEvent happened)
    {
        switch (happened)
        {
            case VmEvent.Resumed { ByUs: false }:
                Apply(new VmInput.Ran());
                break;
            case VmEvent.Shutdown shutdown:
                Apply(new VmInput.GuestStopped($"the guest shut down ({shutdown.Reason})"));
                break;
            case VmEvent.Panicked panicked:
                Apply(new VmInput.GuestStopped($"the guest's kernel panicked ({panicked.Action})"));
                break;
            case VmEvent.MonitorLost lost:
                Apply(new VmInput.MonitorLost($"the supervisor monitor broke: {lost.Reason}"));
                break;
            case VmEvent.Exited exited:
                Apply(new VmInput.Exited(exited.How, exited.Log));
                break;
        }
    }

    private void OnReserve(ReserveVm reserve)
    {
        if (_reserving is not null || _life.Phase != VmPhase.Warm)
        {
            Refuse(reserve, $"it is {_life.Phase}");
            return;
        }

        _reserving = reserve;
        Apply(new VmInput.Reserve(reserve.Caller.Path, reserve.Served));
    }

    /// <summary>What happened to it meanwhile is no concern of a holder, but of the next caller.</summary>
    private void OnReturn()
    {
        var liveness = _vm!.Probe();
        Apply(_life.Confirmed || liveness.Fit ? new VmInput.Return() : new VmInput.Stop($"it came back unfit: {liveness.Detail}"));
    }

    private static void Refuse(ReserveVm reserve, string reason)
        => Context.Parent.Tell(new ReserveRefused(reserve.Id, reserve.Caller, reason));

    private async Task PauseAsync(IVm vm, CancellationToken cancel)
    {
        await vm.PauseAsync(cancel).ConfigureAwait(false);
        await RecordAsync(VmOwnership.Warm).ConfigureAwait(false);
    }

    /// <summary>A mark that is written at once (it is a write of some bytes to an open file) needs no way through the mailbox.</summary>
    private void Reserve(IVm vm)
    {
        var liveness = vm.Probe();
        if (!liveness.Fit)
        {
            Self.Tell(new VmInput.OperationFailed(new VmFailure(VmFailureKind.Exited, liveness.Detail)));
            return;
        }

        var recording = RecordAsync(VmOwnership.Reserved);
        if (recording.IsCompletedSuccessfully) _reserved = true;
        else Start(recording, new VmInput.ReserveRecorded());
    }

    /// <summary>Marks are written one after the other, in the order they were decided.</summary>
    private Task RecordAsync(VmOwnership ownership)
    {
        var mark = new VmMark(ownership, _life.Path, _life.Served, _ports.Clock.Now);
        _lastRecord = _lastRecord.IsCompleted ? _vm!.RecordAsync(mark, CancellationToken.None) : After(_lastRecord, _vm!, mark);
        return _lastRecord;

        static async Task After(Task before, IVm vm, VmMark mark)
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await vm.RecordAsync(mark, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private void RecordAside(VmOwnership ownership)
    {
        var (log, id) = (_log, _plan.Id);
        var recording = RecordAsync(ownership);
        if (recording.IsCompletedSuccessfully) return;
        recording.ContinueWith(
            t => log.Warning("VM {0}: its state '{1}' could not be recorded: {2}", id, ownership, t.Exception!.InnerException!.Message),
            TaskContinuationOptions.OnlyOnFaulted);
    }

    private void StartGrace()
    {
        var left = _plan.Grace;
        if (_plan.Found?.Mark is { } mark)
        {
            var now = _ports.Clock.Now;
            var spent = now.BootId == mark.Since.BootId ? now.SinceBoot - mark.Since.SinceBoot : _plan.Grace;
            left = TimeSpan.FromTicks(Math.Clamp((_plan.Grace - spent).Ticks, 1, _plan.Grace.Ticks));
        }

        _confirmBefore = _ports.Time.GetUtcNow() + left;
        Timers.StartSingleTimer(nameof(VmEffect.StartGrace), new VmInput.GraceExpired(_plan.Grace), left);
    }

    private void Stop()
    {
        var stopping = _vm is null
            ? _ports.Hypervisor.ReapAsync(_plan.Found!, CancellationToken.None)
            : _vm.StopAsync(CancellationToken.None);
        _operation++;
        stopping.PipeTo(Self,
            success: () => new VmInput.StopDone(),
            failure: e => new VmInput.StopFailed(Failures.From(e, TimeSpan.Zero)));
    }

    private void Start(Task operation, VmInput done)
    {
        var number = ++_operation;
        var limit = _plan.BootTimeout;
        operation.PipeTo(Self,
            success: () => new OperationDone(number, done),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, limit))));
    }

    private CancellationToken NewCancellation(TimeSpan timeout)
    {
        _cancel.Dispose();
        _cancel = new CancellationTokenSource(timeout, _ports.Time);
        return _cancel.Token;
    }

    private void Report() => Context.Parent.Tell(new VmChanged(_plan.Id, _life, _plan.Spec, _facts, _confirmBefore));

    private sealed record OperationDone(int Operation, VmInput Input);
    private sealed record VmMade(IVm Vm);
    private sealed record VmAttached(IVm Vm);
    private sealed record AttachFailed(VmFailure Failure);
    private sealed record AttachDue { public static readonly AttachDue Instance = new(); }
}
