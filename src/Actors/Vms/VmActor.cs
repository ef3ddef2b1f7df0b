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
public sealed class VmActor : ReceiveActor, IWithTimers, IWithStash
{
    private static readonly TimeSpan StopRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AttachRetry = TimeSpan.FromSeconds(5);

    private readonly VmPlan _plan;
    private readonly VmPorts _ports;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly List<ReserveVm> _also = [];
    private readonly List<IActorRef> _borrowers = [];
    private readonly List<ReserveRefused> _refusals = [];
    private readonly Holdings _holdings = new();
    private readonly CancellationTokenSource _whole = new();

    private VmLife _life = VmLife.New;
    private VmFacts? _facts;
    private IVm? _vm;
    private MarkWriter? _marks;
    private IGuest? _guest;
    private HeldLease? _lease;
    private TimeSpan _guestCpu;
    private ReserveVm? _reserving;
    private (VmCommand Command, IActorRef Asker)? _command;
    private DateTimeOffset? _confirmBefore;
    private HostTime? _handedOutBefore;
    private int _operation;
    private CancellationTokenSource _cancel = new();

    public VmActor(VmPlan plan, VmPorts ports)
    {
        _plan = plan;
        _ports = ports;
        _facts = plan.Found?.Facts;
        if (plan.Found is { HeldBy: { } record } found)
        {
            _lease = new HeldLease(record);
            _lease.Restore(found.Mark!.Expires, ports);
        }

        Receive<OperationDone>(done => { if (done.Operation == _operation) Apply(done.Input); });
        Receive<VmMade>(OnMade);
        Receive<VmAttached>(OnAttached);
        Receive<AttachFailed>(OnAttachFailed);
        Receive<AttachDue>(_ => Attach());
        Receive<VmStilled>(OnStilled);
        Receive<VmPrepared>(OnPrepared);
        Receive<CommandDone>(OnCommandDone);
        Receive<GuestOpened>(OnGuestOpened);
        Receive<VmInput>(Apply);
        Receive<VmEvent>(OnEvent);

        Receive<ReserveVm>(WhenTakenOver<ReserveVm>(OnReserve));
        Receive<ReturnVm>(_ => OnReturn());
        Receive<StopVm>(stop => Apply(new VmInput.Stop(stop.Reason)));
        Receive<ReleaseVm>(WhenTakenOver<ReleaseVm>(OnRelease));
        Receive<RenewLease>(WhenTakenOver<RenewLease>(OnRenew));
        Receive<UseGuest>(WhenTakenOver<UseGuest>(OnUseGuest));
        Receive<RunVmCommand>(WhenTakenOver<RunVmCommand>(OnCommand));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    protected override void PreStart()
    {
        if (_plan.Found is null) Create();
        else Attach();
    }

    protected override void PostStop()
    {
        _cancel.Cancel();
        _whole.Cancel();
        _ = _holdings.LetGoOfAllAsync();
        var over = _life.Phase == VmPhase.Gone
            ? Refused(RefusalKind.NotFound, $"VM {_plan.Id} is gone: {_life.Ending?.Reason}")
            : Refused(RefusalKind.Unavailable, $"VM {_plan.Id} is recovering from a fault");
        foreach (var asker in _borrowers.Append(_command?.Asker).OfType<IActorRef>()) asker.Tell(over);
        foreach (var reserve in _also)
            reserve.Caller.Ticket.TryAnswer(new AcquireRefused(RefusalKind.Unavailable, $"VM {_plan.Id}, which is meant by its key, is recovering from a fault", TimeSpan.FromSeconds(1)));
    }

    /// <summary>While a VM of an earlier daemon is being taken over, its holders wait.</summary>
    private Action<T> WhenTakenOver<T>(Action<T> handle) => message =>
    {
        if (_vm is null && _plan.Found is not null && !_life.Ended) Stash.Stash();
        else handle(message);
    };

    // ---- life ----

    private void Apply(VmInput input)
    {
        var decision = VmLifecycle.Decide(_life, input);
        if (decision.Handled) Adopt(decision);
        else _log.Debug("VM {0}: {1} means nothing while {2}", _plan.Id, input.GetType().Name, _life.Phase);
    }

    private void Adopt(VmDecision decision)
    {
        var changed = decision.Next != _life;
        _life = decision.Next;
        VmInput? next = null;
        foreach (var effect in decision.Effects) next = Run(effect) ?? next;
        if (next is not null)
        {
            Apply(next);
            return;
        }

        // The pool hears that the VM ends before it serves anew whoever was to have it.
        if (changed) Told();
        foreach (var refusal in _refusals) Context.Parent.Tell(refusal);
        _refusals.Clear();
    }

    private void Told()
    {
        // The pool knows which VM Kata's callers have claimed; what it hears next is what became of it.
        if (_life is not { Phase: VmPhase.Reserved, Path: HandOutPath.Kata }) Report();
    }

    /// <returns>What the effect had as its result at once; null when there is none, or it comes as a message.</returns>
    private VmInput? Run(VmEffect effect)
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
                Pause(_vm!);
                break;
            case VmEffect.Reserve:
                return Reserve(_vm!);
            case VmEffect.Prepare:
                Prepare(_vm!);
                break;
            case VmEffect.Perform:
                Perform(_vm!);
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
            case VmEffect.StartLease:
                if (_lease?.Left(_ports) is { } left) Timers.StartSingleTimer(nameof(VmEffect.StartLease), new VmInput.LeaseExpired(), left);
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
                AnswerReserved();
                break;
            case VmEffect.AnswerRefused:
                AnswerRefused();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(effect), effect, "not a VM's effect");
        }

        return null;
    }

    private void Create()
    {
        var cancel = NewCancellation(_plan.BootTimeout);
        _holdings.KeepAsync(CreateAsync(_ports.Hypervisor, _plan, cancel), vm => vm)
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

    // ---- taking over ----

    private void Attach()
    {
        _life = VmLifecycle.WhileTakenOver(_plan.Found!.Mark!);
        _holdings.KeepAsync(TakeOver.RunAsync(_ports, _plan.Found!, NewCancellation(Timeout.InfiniteTimeSpan)), taken => taken.Vm)
            .PipeTo(Self, success: taken => new VmAttached(taken), failure: e => new AttachFailed(Failures.From(e, TimeSpan.Zero)));
    }

    private void OnAttached(VmAttached attached)
    {
        var taken = attached.Taken;
        Hold(taken.Vm);
        if (_life.Ended)
        {
            // Told to end meanwhile.
            Apply(new VmInput.Created());
            return;
        }

        var mark = _plan.Found!.Mark!;
        _guestCpu = mark.GuestCpu;
        // Of a warm one, that is when it became warm.
        if (_life.Held) _handedOutBefore = mark.Since;
        Adopt(VmLifecycle.Resume(mark, AdoptionRules.Consider(mark, taken.Condition, taken.GuestCpu)));
        if (taken.Condition == VmCondition.Saving) RecordGuestCpu();
        Report();
        Stash.UnstashAll();
    }

    /// <summary>A handed-out VM belongs to its holder: as long as it lives, it is tried again and never ended for this.</summary>
    private void OnAttachFailed(AttachFailed failed)
    {
        if (_life.Phase == VmPhase.Adopting) Apply(new VmInput.OperationFailed(failed.Failure));
        else if (_life.Ended) return;
        else if (failed.Failure.Kind == VmFailureKind.Exited) Apply(new VmInput.Exited("is gone", ""));
        else
        {
            _log.Warning("VM {0}: cannot be taken over yet: {1}", _plan.Id, failed.Failure);
            Timers.StartSingleTimer(nameof(AttachDue), AttachDue.Instance, AttachRetry);
            return;
        }

        Stash.UnstashAll();
    }

    private void Hold(IVm vm)
    {
        _vm = vm;
        _marks = new MarkWriter(vm);
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

    // ---- handing out ----

    private void OnReserve(ReserveVm reserve)
    {
        // Its pool serves anew whoever was still to have it when it hears that it is gone.
        if (_life.Phase == VmPhase.Gone) return;
        if (_life.Phase == VmPhase.Warm && reserve.Caller is { Ticket.Settled: true, Wish: null or { IdempotencyKey: "" } })
        {
            // Who has left already costs no VM.
            Context.Parent.Tell(new ReserveRefused(reserve.Id, reserve.Caller, "its caller has left"));
        }
        else if (_life.Phase == VmPhase.Warm && _reserving is null)
        {
            _reserving = reserve;
            Apply(new VmInput.Reserve(reserve.Caller.Path, reserve.Served));
        }
        else if (!IsSameCaller(reserve)) Context.Parent.Tell(new ReserveRefused(reserve.Id, reserve.Caller, $"it is {_life.Phase}"));
        else if (_life.Phase == VmPhase.Leased) reserve.Caller.Ticket.TryAnswer(Grant());
        else if (_life is { Phase: VmPhase.Reserved, Interrupted: true })
        {
            _reserving = reserve;
            Apply(new VmInput.ClaimAgain());
        }
        else _also.Add(reserve);
    }

    /// <summary>Who asks again with the key of the VM's lease means the same VM.</summary>
    private bool IsSameCaller(ReserveVm reserve)
        => _life.Held && reserve.Caller.Wish is { IdempotencyKey.Length: > 0 } wish
            && _reserving?.Caller.Wish?.IdempotencyKey is var waiting
            && wish.IdempotencyKey == (_lease?.Record.IdempotencyKey ?? waiting);

    /// <summary>What happened to it meanwhile is no concern of a holder, but of the next caller.</summary>
    private void OnReturn()
    {
        // Whoever else has its key may hold it, or come back for it.
        if (_lease is { Record.IdempotencyKey.Length: > 0 }) return;
        var liveness = _vm!.Probe();
        Apply(_life.Confirmed || _life.Path != HandOutPath.Kata || liveness.Fit
            ? new VmInput.Return()
            : new VmInput.Stop($"it came back unfit: {liveness.Detail}"));
    }

    private VmInput? Reserve(IVm vm)
    {
        var liveness = vm.Probe();
        if (!liveness.Fit) return new VmInput.OperationFailed(new VmFailure(VmFailureKind.Exited, liveness.Detail));

        Task? lease = null;
        if (_reserving!.Caller.Wish is { } wish)
        {
            _lease = HeldLease.Of(wish, _plan.Lease);
            lease = vm.SaveLeaseAsync(_lease.Record, CancellationToken.None);
        }

        var recording = RecordAsync(VmOwnership.Reserved, lease);
        // A mark that is written at once (it is a write of some bytes to an open file) needs no way through the mailbox.
        if (recording.IsCompletedSuccessfully) return new VmInput.ReserveRecorded();
        Start(recording, new VmInput.ReserveRecorded());
        return null;
    }

    private void Prepare(IVm vm)
    {
        var number = ++_operation;
        var preparing = PrepareAsync(
            RecordAsync(VmOwnership.Preparing), vm, _plan.Id, _reserving!.Caller.Wish!, _ports.Time, NewCancellation(_plan.BootTimeout));
        _holdings.KeepAsync(preparing, prepared => prepared.Guest).PipeTo(Self,
            success: prepared => new VmPrepared(number, prepared),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, _plan.BootTimeout))));
    }

    private static async Task<PreparedVm> PrepareAsync(Task recorded, IVm vm, VmId id, LeaseWish wish, TimeProvider time, CancellationToken cancel)
    {
        await recorded.ConfigureAwait(false);
        return await Preparation.RunAsync(vm, id, wish, time, cancel).ConfigureAwait(false);
    }

    private void OnPrepared(VmPrepared done)
    {
        if (done.Operation != _operation || _life.Phase != VmPhase.Preparing)
        {
            _ = _holdings.LetGoAsync(done.Prepared.Guest);
            return;
        }

        _guest = done.Prepared.Guest;
        _lease!.Timeline = done.Prepared.Timeline;
        _lease.ExtendBy(_lease.Record.Ttl, _ports);
        Start(RecordAsync(VmOwnership.Unconfirmed), new VmInput.Prepared());
    }

    private BaseVmGranted Grant(Served? served = null) => new(
        _facts!, served ?? _life.Served, _plan.Grace, Self, _plan.Door,
        _lease is null ? null : new LeaseGrant(_lease.Record, _vm!.Size, _lease.ExpiresAt!.Value, _confirmBefore, _lease.Timeline));

    private void AnswerReserved()
    {
        var granted = Grant(_reserving!.Served);
        var told = _reserving.Caller.Ticket.TryAnswer(granted);
        foreach (var reserve in _also) told |= reserve.Caller.Ticket.TryAnswer(granted);
        // Who has a key may still come back for its VM.
        if (!told && _lease is null or { Record.IdempotencyKey: "" }) Self.Tell(new ReturnVm(_plan.Id));
        _reserving = null;
        _also.Clear();
    }

    private void AnswerRefused()
    {
        var reason = _life.Ending?.Reason ?? $"it is {_life.Phase}";
        foreach (var reserve in _also.Prepend(_reserving).OfType<ReserveVm>()) Refuse(reserve, reason, _life.Ending?.Failure);
        _reserving = null;
        _also.Clear();
    }

    private void Refuse(ReserveVm reserve, string reason, VmFailure? failure)
        => _refusals.Add(new ReserveRefused(reserve.Id, reserve.Caller, reason, failure));

    private void StartGrace()
    {
        var left = _plan.Grace;
        if (_handedOutBefore is { } since)
        {
            _handedOutBefore = null;
            var now = _ports.Clock.Now;
            var spent = now.BootId == since.BootId ? now.SinceBoot - since.SinceBoot : _plan.Grace;
            left = TimeSpan.FromTicks(Math.Clamp((_plan.Grace - spent).Ticks, 1, _plan.Grace.Ticks));
        }

        _confirmBefore = _ports.Time.GetUtcNow() + left;
        Timers.StartSingleTimer(nameof(VmEffect.StartGrace), new VmInput.GraceExpired(_plan.Grace), left);
    }

    // ---- what a holder asks for ----

    /// <summary>Why this is not the lease that the bearer of a token holds; null when it is.</summary>
    private VmRefused? FaultOf(LeaseToken token)
    {
        if (_life.Ended) return Refused(RefusalKind.NotFound, $"VM {_plan.Id} is ending: {_life.Ending?.Reason}");
        if (_lease is null)
            return Refused(RefusalKind.WrongState, $"VM {_plan.Id} has no lease: it is {_life.Phase.ToString().ToLowerInvariant()}{(_life.Path == HandOutPath.Kata ? ", handed to a client of Kata's interface" : "")}");
        if (_lease.Record.Token != token)
            return Refused(RefusalKind.StaleToken, $"the token shown is not that of the lease of VM {_plan.Id}: whoever shows it does not hold this VM (any more)");
        return _life.Phase == VmPhase.Leased ? null : Refused(RefusalKind.WrongState, $"VM {_plan.Id} is still being prepared");
    }

    private VmRefused Refused(RefusalKind kind, string reason) => new(_plan.Id, kind, reason);

    private void OnRelease(ReleaseVm release)
    {
        // That it is gone is told by the pool, when it is.
        if (_lease is null || release.Token == _lease.Record.Token) Apply(new VmInput.Stop("it was released"));
        else Context.Parent.Tell(new ReleaseRefused(Refused(RefusalKind.StaleToken, release.Token is null
            ? $"VM {_plan.Id} is leased, and only the bearer of its lease's token can release it: show the token"
            : $"the token shown is not that of the lease of VM {_plan.Id}"), Sender));
    }

    private void OnRenew(RenewLease renew)
    {
        var ttl = renew.Ttl ?? Within(_lease?.Record.Ttl ?? _plan.Lease.Ttl, _plan.Lease.Most);
        if ((FaultOf(renew.Token) ?? (LeaseRules.FaultOfTtl(ttl, _plan.Lease) is { } fault ? Refused(RefusalKind.Invalid, fault) : null)) is { } refused)
        {
            Sender.Tell(refused);
            return;
        }

        _lease!.ExtendBy(ttl, _ports);
        Run(VmEffect.StartLease);
        if (_life.Confirmed) _ = RecordAsync(VmOwnership.Confirmed);
        Apply(new VmInput.Use());
        Report();
        var renewed = new LeaseRenewed(_plan.Id, _lease.ExpiresAt!.Value, ttl);
        // A renewal that is not on disk is none: a restart would end the lease too early.
        _marks!.Last.PipeTo(Sender, success: () => renewed, failure: e => Refused(RefusalKind.Unavailable, $"the renewal could not be recorded: {e.Message}"));
    }

    private void OnUseGuest(UseGuest use)
    {
        if (FaultOf(use.Token) is { } refused) Sender.Tell(refused);
        else if (_lease!.Record.ClientHoldsAgent)
            Sender.Tell(Refused(RefusalKind.WrongState, $"the agent's channel of VM {_plan.Id} is its holder's: it was asked for at the acquire"));
        else if (_guest is { IsOpen: true }) Lend(_guest, Sender);
        else
        {
            // After a restart, or when it broke. The channel takes one client: whoever asks meanwhile waits for the same one.
            _borrowers.Add(Sender);
            if (_borrowers.Count > 1) return;
            var (limit, broken) = (_plan.BootTimeout, _guest);
            _guest = null;
            _holdings.KeepAsync(ReopenAsync(broken, _vm!, Within(limit)), guest => guest).PipeTo(Self,
                success: guest => new GuestOpened(guest, null), failure: e => new GuestOpened(null, Failures.From(e, limit)));
        }
    }

    private async Task<IGuest> ReopenAsync(IGuest? broken, IVm vm, CancellationToken cancel)
    {
        await _holdings.LetGoAsync(broken).ConfigureAwait(false);
        return await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
    }

    private void OnGuestOpened(GuestOpened opened)
    {
        // A command may have opened it meanwhile.
        _guest ??= opened.Guest;
        if (opened.Guest != _guest) _ = _holdings.LetGoAsync(opened.Guest);
        foreach (var borrower in _borrowers)
        {
            if (_guest is not null) Lend(_guest, borrower);
            else borrower.Tell(Refused(RefusalKind.Unavailable, $"the agent of VM {_plan.Id} does not answer: {opened.Failure}"));
        }

        _borrowers.Clear();
    }

    private void Lend(IGuest guest, IActorRef borrower)
    {
        Apply(new VmInput.Use());
        // A use that is not on disk is none: a restart would take the lease for one that nobody confirmed.
        _marks!.Last.PipeTo(borrower, success: () => new GuestLent(_plan.Id, guest),
            failure: e => Refused(RefusalKind.Unavailable, $"the use could not be recorded: {e.Message}"));
    }

    private void OnCommand(RunVmCommand run)
    {
        var refusal = _command is not null ? "it is busy with another command" : VmCommands.Refusal(_life, run.Command);
        if (refusal is not null)
        {
            Sender.Tell(Refused(RefusalKind.WrongState, $"VM {_plan.Id} cannot do that: {refusal}"));
            return;
        }

        _command = (run.Command, Sender);
        Apply(new VmInput.Perform(run.Command));
    }

    private void Perform(IVm vm)
    {
        var (guest, limit) = (_guest, _plan.BootTimeout);
        _holdings.KeepAsync(
            Performance.RunAsync(vm, guest, _command!.Value.Command, Within(limit)), done => done.Guest == guest ? null : done.Guest).PipeTo(Self,
            success: done => new CommandDone(done, null),
            failure: e => new CommandDone(new Performed(null, guest), Failures.From(e, limit)));
    }

    private void OnCommandDone(CommandDone done)
    {
        var (command, asker) = _command!.Value;
        _command = null;
        if (command is VmCommand.Disconnect && done.Failure is null) _guest = null;
        else _guest ??= done.Performed.Guest;
        asker.Tell(new VmPerformed(_plan.Id, _vm!.Size, done.Performed.Plugged, done.Failure ?? done.Performed.Plugged?.Failure));
        if (!_life.Ended) Report();
    }

    // ---- records and operations ----

    private void Pause(IVm vm)
    {
        var (number, limit) = (++_operation, _plan.BootTimeout);
        PauseAsync(vm, NewCancellation(limit)).PipeTo(Self,
            success: cpu => new VmStilled(number, cpu),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, limit))));
    }

    private static async Task<TimeSpan> PauseAsync(IVm vm, CancellationToken cancel)
    {
        await vm.PauseAsync(cancel).ConfigureAwait(false);
        return vm.ReadGuestCpu() ?? TimeSpan.Zero;
    }

    private void OnStilled(VmStilled stilled)
    {
        if (stilled.Operation != _operation || _life.Phase != VmPhase.Pausing) return;
        _guestCpu = stilled.GuestCpu;
        Start(RecordAsync(VmOwnership.Warm), new VmInput.Paused());
    }

    private Task RecordAsync(VmOwnership ownership, Task? first = null)
        => _marks!.WriteAsync(new VmMark(ownership, _life.Path, _life.Served, _ports.Clock.Now, _lease?.Expires, _guestCpu), first);

    /// <summary>A warm VM whose guest has used more than its mark says is one that somebody ran.</summary>
    private void RecordGuestCpu()
    {
        if (_life.Phase != VmPhase.Warm) return;
        _guestCpu = _vm!.ReadGuestCpu() ?? TimeSpan.Zero;
        RecordAside(VmOwnership.Warm);
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

    private void Stop()
    {
        // A daemon that dies meanwhile is followed by one that knows whose this VM is not any more.
        if (_marks is not null) RecordAside(VmOwnership.Stopping);
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

    /// <summary>What a lease was granted before its pool was told to grant less.</summary>
    private static TimeSpan Within(TimeSpan wanted, TimeSpan most) => wanted < most ? wanted : most;

    /// <summary>For what goes on beside the VM's life, whose end ends it too.</summary>
    private CancellationToken Within(TimeSpan limit)
    {
        var budget = new CancellationTokenSource(limit, _ports.Time);
        return CancellationTokenSource.CreateLinkedTokenSource(budget.Token, _whole.Token).Token;
    }

    private void Report() => Context.Parent.Tell(new VmChanged(
        _plan.Id, _life, _plan.Spec, _facts, _confirmBefore, _lease?.Record, _lease?.ExpiresAt, _vm?.Size ?? _plan.Found?.Size));

    private sealed record OperationDone(int Operation, VmInput Input);
    private sealed record VmMade(IVm Vm);
    private sealed record VmStilled(int Operation, TimeSpan GuestCpu);
    private sealed record VmAttached(TakenVm Taken);
    private sealed record AttachFailed(VmFailure Failure);
    private sealed record AttachDue { public static readonly AttachDue Instance = new(); }
    private sealed record VmPrepared(int Operation, PreparedVm Prepared);
    private sealed record GuestOpened(IGuest? Guest, VmFailure? Failure);
    private sealed record CommandDone(Performed Performed, VmFailure? Failure);
}
