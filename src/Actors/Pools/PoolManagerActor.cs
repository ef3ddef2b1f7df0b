using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// One pool: owns its count, keeps vm-cache-number VMs warm, and serves its callers in order. How many to make and which to
/// retire is decided by <see cref="PoolPolicy"/>. When it is restarted, its VMs come back to it from the records.
/// </summary>
public sealed class PoolManagerActor : ReceiveActor, IWithTimers, IWithStash
{
    /// <summary>So many VMs are spent on one request; then the fault is taken to be the request's.</summary>
    private const int MostFailures = 3;

    /// <summary>After a look at the records that failed.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly PoolOptions _options;
    private readonly PoolPlan _plan;
    private readonly PoolSurroundings _around;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly EventLog _events;
    private readonly Refill _refill;
    /// <summary>Callers who take any VM, and callers who want one made for them.</summary>
    private readonly WaitingCallers _waiting, _waitingForNew;
    private readonly IdempotencyKeys _keys = new();
    private readonly Dictionary<VmId, Member> _members = [];
    private readonly WarmShelf _shelf = new();
    private readonly Dictionary<VmId, List<IActorRef>> _releasing = [];
    private readonly Dictionary<AcquireTicket, AcquireBaseVm> _admitted = [];

    private int _making;
    private AcceleratorVerdict? _accelerator;
    private IActorRef? _stopAsker;
    private string? _drained;
    private bool _recovering;

    public PoolManagerActor(PoolPlan plan, PoolSurroundings around)
    {
        _plan = plan;
        _options = plan.Options;
        _around = around;
        _events = new EventLog(around.Ports.Time);
        _refill = new Refill(_options.Backoff);
        _waiting = new WaitingCallers(() => Timers, around.Ports.Time);
        _waitingForNew = new WaitingCallers(() => Timers, around.Ports.Time);
        _drained = plan.Closed;

        Receive<AcquireBaseVm>(WhenRecovered<AcquireBaseVm>(OnAcquire));
        Receive<AcquireAbandoned>(OnAbandoned);
        Receive<WaitOver>(OnWaitOver);
        Receive<VmChanged>(OnVmChanged);
        Receive<ReserveRefused>(OnReserveRefused);
        Receive<ReleaseVm>(WhenRecovered<ReleaseVm>(OnRelease));
        Receive<ReleaseRefused>(OnReleaseRefused);
        Receive<RenewLease>(WhenRecovered<RenewLease>(renew => ToVm(renew.Id, renew)));
        Receive<UseGuest>(WhenRecovered<UseGuest>(use => ToVm(use.Id, use)));
        Receive<RunVmCommand>(WhenRecovered<RunVmCommand>(run => ToVm(run.Id, run)));
        Receive<GetVm>(WhenRecovered<GetVm>(OnGetVm));
        Receive<GetPoolView>(_ => Sender.Tell(View()));
        Receive<AnnounceVms>(WhenRecovered<AnnounceVms>(OnAnnounce));
        Receive<BootSlotGranted>(_ => OnSlot());
        Receive<AcceleratorAnswer>(OnAccelerator);
        Receive<TryAgain>(_ => { _refill.MayTry(); Balance(); });
        Receive<TooOld>(old => OnTooOld(old.Id));
        Receive<StopPool>(OnStopPool);
        Receive<DrainPool>(OnDrain);
        Receive<Terminated>(OnTerminated);
        Receive<Refound>(OnRefound);
        Receive<Recovered>(OnRecovered);
        Receive<RecoverFailed>(OnRecoverFailed);
        Receive<LookFailed>(OnLookFailed);
        Receive<RecoverDue>(_ => Recover());
        Receive<LookDue>(due => LookFor(due.Id));
        Receive<WishOverdue>(overdue => OnOverdue(overdue.Ticket));
        Receive<WishSettled>(OnSettled);
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    /// <summary>The state of a VM's actor that failed is beyond trust; its VM lives on, see <see cref="OnTerminated"/>.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PreStart()
    {
        foreach (var (id, note) in _plan.Notes) _events.Add(id, note);
        foreach (var found in _plan.Found) Spawn(found.Id, found.Facts!.Spec, found);
        _around.Accelerators.Tell(new ResolveAccelerator(_options.Spec, _options.Accelerator));
    }

    /// <summary>Akka stops the children before a restart: that lets go of the VMs and ends none of them.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        // Nobody may take a VM from here any more; who has taken one whose actor stops now is told.
        _shelf.Withdraw(int.MaxValue);
        base.PreRestart(reason, message);
        var unanswered = _members.Values.Select(m => m.TakeCaller()).OfType<AcquireBaseVm>();
        var delayed = _members.Values.SelectMany(m => m.TakeAfterwards());
        foreach (var caller in _waiting.Clear().Concat(_waitingForNew.Clear()).Concat(unanswered).Concat(delayed).Concat(_keys.Clear()).Concat(_admitted.Values))
            Refuse(caller, RefusalKind.Unavailable, "it is recovering from a fault");
        foreach (var (id, askers) in _releasing)
        {
            askers.ForEach(a => a.Tell(new VmRefused(id, RefusalKind.Unavailable, $"pool {_options.Name} is recovering from a fault")));
        }
    }

    protected override void PostRestart(Exception reason)
    {
        _recovering = true;
        _events.Add(null, $"the pool recovered from a fault of its own: {reason.Message}");
        _around.BootSlots.Tell(ForgetBootSlots.Instance);
        // Whether it was drained, or the daemon stops, is known there.
        Context.Parent.Tell(new PoolRestarted(_options.Name));
        Recover();
    }

    private void Recover()
    {
        Recovery.TakeAllAsync(_around.Ports.Hypervisor, _options.Spec, _log).PipeTo(Self,
            success: found => new Recovered(found),
            failure: e => new RecoverFailed(e));
    }

    /// <summary>Without its records it would forget its leases: it tries until it can read them.</summary>
    private void OnRecoverFailed(RecoverFailed failed)
    {
        _log.Warning("pool {0}: its records cannot be read, trying again: {1}", _options.Name, failed.Cause.Message);
        Timers.StartSingleTimer(nameof(RecoverDue), RecoverDue.Instance, LookAgain);
    }

    private void OnRecovered(Recovered recovered)
    {
        foreach (var found in recovered.Found) Spawn(found.Id, found.Facts!.Spec, found);
        _recovering = false;
        Stash.UnstashAll();
        _around.Accelerators.Tell(new ResolveAccelerator(_options.Spec, _options.Accelerator));
    }

    /// <summary>Until it knows its VMs again, a restarted pool can say nothing about them.</summary>
    private Action<T> WhenRecovered<T>(Action<T> handle) => message =>
    {
        if (_recovering) Stash.Stash();
        else handle(message);
    };

    private void OnAnnounce(AnnounceVms announce)
    {
        foreach (var id in _members.Keys) announce.Gateway.Tell(new VmOwned(id, _options.Name, Gone: false));
        announce.Gateway.Tell(new VmsAnnounced(_options.Name));
    }

    // ---- callers ----

    /// <summary>Why nobody is served here any more; null: callers are.</summary>
    private string? Closed => _stopAsker is not null ? "the daemon is stopping" : _drained;

    private void OnAcquire(AcquireBaseVm caller)
    {
        // No VM is spent on one who has left.
        if (caller.Ticket.Settled) return;
        if (caller.Wish is { } wish) Admit(caller, wish);
        if (caller.Wish is { IdempotencyKey.Length: > 0 } again && _stopAsker is null && _keys.VmOf(again.IdempotencyKey) is { } known) OnRepeated(caller, again, known);
        else if (Closed is { } reason) Refuse(caller, RefusalKind.Unavailable, reason);
        else if (caller.Wish is { } wished) OnWish(caller, wished);
        else Serve(caller);
        Balance();
    }

    /// <summary>A caller with a wish may stand in many places before it has its VM: its deadline is kept here.</summary>
    private void Admit(AcquireBaseVm caller, LeaseWish wish)
    {
        if (!_admitted.TryAdd(caller.Ticket, caller)) return;
        Timers.StartSingleTimer((nameof(WishOverdue), caller.Ticket), new WishOverdue(caller.Ticket), caller.Wait);
        var (self, settled) = (Self, new WishSettled(caller.Ticket, wish.IdempotencyKey));
        caller.Ticket.Answer.ContinueWith(_ => self.Tell(settled), TaskScheduler.Default);
    }

    private void OnOverdue(AcquireTicket ticket)
    {
        if (!_admitted.TryGetValue(ticket, out var caller)) return;
        Refuse(caller, RefusalKind.Exhausted, $"no VM was ready in time: {WhyEmpty()}");
        OnAbandoned(new AcquireAbandoned(ticket, _options.Name));
    }

    private void OnSettled(WishSettled settled)
    {
        _admitted.Remove(settled.Ticket);
        Timers.Cancel((nameof(WishOverdue), settled.Ticket));
        foreach (var caller in _keys.Settled(settled.Key, settled.Ticket)) OnAcquire(caller);
    }

    /// <summary>Also when the pool takes no new callers: what it means is its caller's already.</summary>
    private void OnRepeated(AcquireBaseVm caller, LeaseWish wish, (VmId Vm, string Digest) known)
    {
        var member = _members[known.Vm];
        if (known.Digest != LeaseRules.Digest(wish)) RefuseKey(caller, wish);
        else
        {
            // Its actor may have taken its last message, or have failed.
            member.ServeAfterwards(caller);
            if (!member.Lost) member.Actor.Tell(new ReserveVm(known.Vm, caller, Served.Warm));
        }
    }

    private void OnWish(AcquireBaseVm caller, LeaseWish wish)
    {
        if (LeaseRules.Fault(wish, _options) is { } fault) Refuse(caller, RefusalKind.Invalid, fault);
        else if (wish.IdempotencyKey.Length == 0) ServeWish(caller, wish);
        else
        {
            switch (_keys.Admit(caller))
            {
                case Admission.First or Admission.FirstAgain:
                    ServeWish(caller, wish);
                    break;
                case Admission.Differs:
                    RefuseKey(caller, wish);
                    break;
            }
        }
    }

    private void RefuseKey(AcquireBaseVm caller, LeaseWish wish) => Refuse(caller, RefusalKind.Invalid,
        $"the idempotency key '{wish.IdempotencyKey}' was used for another request: repeat that one, or take a new key");

    private void ServeWish(AcquireBaseVm caller, LeaseWish wish)
    {
        if (wish.Sandbox is { } sandbox && _members.Values.FirstOrDefault(m => m.Lease?.Sandbox == sandbox) is { } other)
        {
            if (other.Life.Ended) other.ServeAfterwards(caller);
            else Refuse(caller, RefusalKind.WrongState, $"sandbox {sandbox} has VM {other.Id} already: release that, or use another id");
        }
        else if (wish.Warm == WarmWish.Never) Queue(caller, _waitingForNew);
        else if (wish.Warm == WarmWish.Prefer) Serve(caller);
        else if (_waiting.Count > 0 || !_shelf.TryServe(caller, Served.Warm)) Refuse(caller, RefusalKind.Exhausted, $"no VM is warm: {WhyEmpty()}");
    }

    private void Serve(AcquireBaseVm caller)
    {
        if (_waiting.Count > 0 || !_shelf.TryServe(caller, Served.Warm)) Queue(caller, _waiting);
    }

    private void Queue(AcquireBaseVm caller, WaitingCallers queue)
    {
        if (Waiting + _keys.Others >= _options.MaxWaiting) Refuse(caller, RefusalKind.Exhausted, $"its queue is full ({Waiting} callers wait)");
        else queue.Add(caller);
    }

    private void OnAbandoned(AcquireAbandoned abandoned)
    {
        if ((_waiting.Remove(abandoned.Ticket) ?? _waitingForNew.Remove(abandoned.Ticket)) is not null) Balance();
    }

    private void OnWaitOver(WaitOver over)
    {
        if ((_waiting.Remove(over.Ticket) ?? _waitingForNew.Remove(over.Ticket)) is not { } caller) return;
        Refuse(caller, RefusalKind.Exhausted, $"no VM became warm in time: {WhyEmpty()}");
        Balance();
    }

    private void OnReserveRefused(ReserveRefused refused)
    {
        _log.Info("pool {0}: VM {1} was not handed out: {2}", _options.Name, refused.Id, refused.Reason);
        if (_members.TryGetValue(refused.Id, out var member))
        {
            member.Refused(refused.Caller);
            if (refused.Failure is null && member is { Life.Phase: VmPhase.Warm, Lost: false, Offer: null }) PutOnShelf(member);
        }

        ServeAnew(refused.Failure is null ? refused.Caller : refused.Caller with { Failures = refused.Caller.Failures + 1 }, refused.Failure);
        Balance();
    }

    /// <summary>Whoever was to have a VM that turned out to be unfit comes before those who wait.</summary>
    private void ServeAnew(AcquireBaseVm caller, VmFailure? failure = null)
    {
        if (caller.Ticket.Settled) return;
        if (Closed is { } reason) Refuse(caller, RefusalKind.Unavailable, reason);
        else if (caller.Wish is null)
        {
            if (!_shelf.TryServe(caller, Served.Warm)) _waiting.AddFirst(caller);
        }
        else if (failure is { Kind: VmFailureKind.Configuration }) Refuse(caller, RefusalKind.Invalid, failure.ToString());
        else if (caller.Failures >= MostFailures)
            Refuse(caller, RefusalKind.Exhausted, $"{caller.Failures} VMs could not be prepared for this request, the last because: {failure}");
        else OnAcquire(caller);
    }

    private void Refuse(AcquireBaseVm caller, RefusalKind kind, string reason)
        => caller.Ticket.TryAnswer(new AcquireRefused(
            kind, $"pool {_options.Name}: {reason}", kind is RefusalKind.Exhausted or RefusalKind.Unavailable ? RetryAfter() : TimeSpan.Zero));

    private TimeSpan RetryAfter() => _refill.NextTry is { } at && at > Now ? at - Now : TimeSpan.FromSeconds(1);

    private string WhyEmpty()
    {
        var reason = _refill.Reason(Math.Max(1, _options.VmCacheNumber), Warm(), _making, Now);
        return reason.Length == 0 ? "others were served first" : reason;
    }

    private void OnRelease(ReleaseVm release)
    {
        if (!_members.TryGetValue(release.Id, out var member))
        {
            Sender.Tell(new VmRefused(release.Id, RefusalKind.NotFound, $"pool {_options.Name} has no VM {release.Id}"));
        }
        else if (member.Shown.Held || member.Life.Ended)
        {
            if (!_releasing.TryGetValue(release.Id, out var askers)) _releasing[release.Id] = askers = [];
            askers.Add(Sender);
            member.Actor.Forward(release);
        }
        else
        {
            Sender.Tell(new VmRefused(release.Id, RefusalKind.WrongState, $"VM {release.Id} is {member.Life.Phase.ToString().ToLowerInvariant()}, not leased: only a leased VM can be released"));
        }
    }

    private void OnReleaseRefused(ReleaseRefused refused)
    {
        if (_releasing.TryGetValue(refused.Id, out var askers)) askers.Remove(refused.Asker);
        refused.Asker.Tell(refused.Refused);
    }

    private void ToVm(VmId id, object message)
    {
        if (_members.TryGetValue(id, out var member)) member.Actor.Forward(message);
        else Sender.Tell(new VmRefused(id, RefusalKind.NotFound, $"pool {_options.Name} has no VM {id}"));
    }

    private void OnGetVm(GetVm get)
    {
        if (_members.TryGetValue(get.Id, out var member)) Sender.Tell(ViewOf(member));
        else Sender.Tell(new VmRefused(get.Id, RefusalKind.NotFound, $"pool {_options.Name} has no VM {get.Id}"));
    }

    // ---- VMs ----

    private Member Spawn(VmId id, VmSpec spec, FoundVm? found)
    {
        var plan = new VmPlan(id, spec, found, _options.GracePeriod, _options.BootTimeout, _options.Lease, new PoolDoor(Self, _shelf));
        var ports = _around.Ports;
        var actor = Context.ActorOf(Props.Create(() => new VmActor(plan, ports)), id.Value);
        Context.Watch(actor);
        var life = found is null ? VmLife.New : VmLifecycle.WhileTakenOver(found.Mark!);
        var member = new Member(id, actor, spec, life) { Facts = found?.Facts, Lease = found?.HeldBy, Size = found?.Size, WarmBefore = WarmBefore(found) };
        if (found is { HeldBy: { } known, Mark: { } mark })
        {
            var held = new HeldLease(known);
            held.Restore(mark.Expires, ports);
            member.ExpiresAt = held.ExpiresAt;
        }

        if (life.Making) _making++;
        if (found?.HeldBy is { } lease) _keys.Leased(id, lease);
        _members[id] = member;
        _around.Gateway.Tell(new VmOwned(id, _options.Name, Gone: false));
        return member;
    }

    private TimeSpan WarmBefore(FoundVm? found)
    {
        var now = _around.Ports.Clock.Now;
        return found?.Mark is { Ownership: VmOwnership.Warm } mark && mark.Since.BootId == now.BootId ? now.SinceBoot - mark.Since.SinceBoot : TimeSpan.Zero;
    }

    private void OnVmChanged(VmChanged changed)
    {
        if (!_members.TryGetValue(changed.Id, out var member)) return;
        var before = member.Life;
        member.Life = changed.Life;
        member.Facts = changed.Facts;
        member.ConfirmBefore = changed.ConfirmBefore;
        (member.Lease, member.ExpiresAt, member.Size) = (changed.Lease, changed.ExpiresAt, changed.Size);
        if (member.Lease is { } lease && !changed.Life.Ended) _keys.Leased(changed.Id, lease);
        if (before.Making && !changed.Life.Making) OnMade(member);
        if (before.Phase != changed.Life.Phase) OnPhase(member, before);
        _around.Journal.Add(
            changed.Life.Phase == VmPhase.Gone ? NodeEventKind.Gone : NodeEventKind.Changed, _options.Name, ViewOf(member), changed.Life.Ending?.Reason ?? "");
        Balance();
        if (_stopAsker is not null) FinishStop();
    }

    private void OnMade(Member member)
    {
        _making--;
        if (!member.HoldsSlot) return;
        member.HoldsSlot = false;
        _around.BootSlots.Tell(ReturnBootSlot.Instance);
    }

    private void OnPhase(Member member, VmLife before)
    {
        if (before.Phase == VmPhase.Warm) _shelf.Withdraw(member.Id);
        switch (member.Life.Phase)
        {
            case VmPhase.Warm:
                OnWarm(member, before);
                break;
            case VmPhase.Leased:
                member.Offer = null;
                break;
            case VmPhase.Failed or VmPhase.Stopping or VmPhase.Gone when !before.Ended:
                if (!member.Lost) _keys.Ended(member.Id);
                OnEnding(member.Id, member.Life);
                break;
        }

        if (member.Life.Phase == VmPhase.Gone) OnGone(member);
    }

    private void OnWarm(Member member, VmLife before)
    {
        if (before.Making) _refill.Succeeded();
        if (_options.MaxAge is { } age && !member.MaxAgeRuns)
        {
            member.MaxAgeRuns = true;
            var left = age - member.WarmBefore;
            Timers.StartSingleTimer((nameof(TooOld), member.Id), new TooOld(member.Id), left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1));
        }

        if (_drained is not null)
        {
            member.Actor.Tell(new StopVm(member.Id, _drained));
            return;
        }

        var made = before.Making && before.Phase != VmPhase.Adopting;
        if ((_waiting.Next ?? (made ? _waitingForNew.Next : null)) is { } first)
        {
            // Past the shelf: nobody who came later can snatch it.
            var caller = (_waiting.Remove(first.Ticket) ?? _waitingForNew.Remove(first.Ticket))!;
            member.Offer = new WarmOffer(member.Id, member.Actor) { Caller = caller };
            member.Actor.Tell(new ReserveVm(member.Id, caller, Served.OnDemand));
        }
        else PutOnShelf(member);
    }

    private void PutOnShelf(Member member)
    {
        member.Offer = new WarmOffer(member.Id, member.Actor);
        if (Closed is null) _shelf.Put(member.Offer, !Current(member));
    }

    private void OnEnding(VmId id, VmLife life)
    {
        var ending = life.Ending!;
        // One that was made by an earlier daemon says nothing about how this pool's boots go.
        if (ending.Failure is { } failure && ending.During != VmPhase.Adopting && new VmLife(ending.During).Making)
        {
            var news = _refill.LastFailure != failure;
            var delay = _refill.Failed(failure, Now, _around.Random());
            Timers.StartSingleTimer(nameof(TryAgain), TryAgain.Instance, delay);
            _events.Add(id, $"could not be made: {failure}");
            if (news) _log.Warning("pool {0}: VM {1} could not be made: {2}", _options.Name, id, failure);
        }
        else
        {
            _events.Add(id, $"was {ending.During.ToString().ToLowerInvariant()}, ended: {ending.Reason}");
            _log.Info("pool {0}: VM {1} was {2}, ended: {3}", _options.Name, id, ending.During, ending.Reason);
        }
    }

    private void OnGone(Member member)
    {
        _members.Remove(member.Id);
        // Last of all: whatever was sent to it until now has its answer.
        member.Actor.Tell(PoisonPill.Instance);
        _keys.Ended(member.Id);
        if (member.MaxAgeRuns) Timers.Cancel((nameof(TooOld), member.Id));
        // A caller who claimed it when its actor took no more messages had no answer.
        if (member.TakeCaller() is { } caller) ServeAnew(caller);
        foreach (var delayed in member.TakeAfterwards()) ServeAnew(delayed);
        _around.Gateway.Tell(new VmOwned(member.Id, _options.Name, Gone: true));
        if (_releasing.Remove(member.Id, out var askers)) askers.ForEach(a => a.Tell(new VmReleased(member.Id)));
    }

    /// <summary>A VM's actor ended although its VM did not: it failed. The VM is looked up in the records.</summary>
    private void OnTerminated(Terminated dead)
    {
        var id = new VmId(dead.ActorRef.Path.Name);
        if (!_members.TryGetValue(id, out var member) || !member.Actor.Equals(dead.ActorRef)) return;
        // As a failure it also counts for the back-off: an actor that fails at every boot must not do so in a loop.
        var failure = new VmFailure(VmFailureKind.Internal, "its actor failed");
        var life = member.Life with { Phase = VmPhase.Failed, Ending = new VmEnding(failure.Message, member.Life.Phase, failure) };
        member.Lost = true;
        OnVmChanged(new VmChanged(id, life, member.Spec, member.Facts, null, member.Lease));
        if (member.TakeCaller() is { } caller) ServeAnew(caller);
        LookFor(id);
    }

    private void LookFor(VmId id) => Recovery.TakeAsync(_around.Ports.Hypervisor, id, _log).PipeTo(Self,
        success: found => new Refound(id, found),
        failure: e => new LookFailed(id, e));

    /// <summary>It may be somebody's: it is looked for until it is known.</summary>
    private void OnLookFailed(LookFailed failed)
    {
        _log.Warning("pool {0}: VM {1}, whose actor failed, cannot be looked up, trying again: {2}", _options.Name, failed.Id, failed.Cause.Message);
        Timers.StartSingleTimer((nameof(LookDue), failed.Id), new LookDue(failed.Id), LookAgain);
    }

    private void OnRefound(Refound refound)
    {
        if (!_members.TryGetValue(refound.Id, out var member)) return;
        _events.Add(refound.Id, refound.Found is null ? "was ended or left alone, for its actor had failed" : "was taken over, for its actor had failed");
        // Who means this very VM is to find it again.
        var delayed = member.TakeAfterwards();
        if (refound.Found is null) OnVmChanged(new VmChanged(refound.Id, member.Life with { Phase = VmPhase.Gone }, member.Spec, member.Facts, null));
        else TakeBack(member, refound.Found);
        foreach (var caller in delayed) ServeAnew(caller);
        if (_stopAsker is not null) FinishStop();
    }

    /// <summary>The VM goes on with a new actor: to the outside it was never gone.</summary>
    private void TakeBack(Member lost, FoundVm found)
    {
        _members.Remove(lost.Id);
        if (lost.MaxAgeRuns) Timers.Cancel((nameof(TooOld), lost.Id));
        if (_releasing.Remove(lost.Id, out var askers))
            askers.ForEach(a => a.Tell(new VmRefused(lost.Id, RefusalKind.Unavailable, $"VM {lost.Id} was recovering from a fault")));
        Spawn(lost.Id, found.Facts!.Spec, found);
    }

    // ---- the count ----

    private void Balance()
    {
        if (_accelerator is null || _stopAsker is not null || _drained is not null) return;
        var plan = PoolPolicy.Plan(Count());
        // One question at a time is open: the next one is asked when it is answered.
        if (plan.Start > 0 && !_refill.SlotAsked)
        {
            _refill.SlotAsked = true;
            _around.BootSlots.Tell(AskBootSlot.Instance);
        }

        foreach (var offer in _shelf.Withdraw(plan.Retire))
        {
            var member = _members[offer.Id];
            member.Actor.Tell(new StopVm(offer.Id, member.TooOld ? "it reached max-age" : Current(member) ? "more were warm than wanted" : "it was made with another accelerator"));
        }
    }

    private void OnSlot()
    {
        if (!_refill.SlotAsked) return;
        _refill.SlotAsked = false;
        if (PoolPolicy.Plan(Count()).Start == 0 || _stopAsker is not null || _drained is not null)
        {
            _around.BootSlots.Tell(ReturnBootSlot.Instance);
            return;
        }

        Spawn(VmId.New(), _options.Spec with { Accelerator = _accelerator!.Accelerator }, found: null).HoldsSlot = true;
        Balance();
    }

    private void OnAccelerator(AcceleratorAnswer answer)
    {
        if (_accelerator is not null && _accelerator.Accelerator != answer.Verdict.Accelerator) _events.Add(null, answer.Verdict.Reason);
        _accelerator = answer.Verdict;
        foreach (var member in _members.Values) Reconsider(member);
        Balance();
    }

    /// <summary>An outdated VM is handed out after the others.</summary>
    private void Reconsider(Member member)
    {
        if (member.Offer is { } offer && _shelf.Withdraw(member.Id)) _shelf.Put(offer, !Current(member));
    }

    private void OnStopPool(StopPool stop)
    {
        _stopAsker = Sender;
        _shelf.Withdraw(int.MaxValue);
        RefuseWaiting(stop.Reason);
        EndMaking(stop.Reason);
        FinishStop();
    }

    /// <summary>What is warm is left for the next daemon, unless it was given up: then it is on its way out, told so or not yet.</summary>
    private void FinishStop()
    {
        if (_members.Values.Any(m => !m.Life.Held && (_drained is not null || m.Life.Phase is not (VmPhase.Warm or VmPhase.Adopting)))) return;
        _stopAsker!.Tell(new PoolStopped(_options.Name));
    }

    private void OnDrain(DrainPool drain)
    {
        _drained = drain.Reason;
        RefuseWaiting(drain.Reason);
        var offers = _shelf.Withdraw(int.MaxValue);
        foreach (var offer in offers) offer.Vm.Tell(new StopVm(offer.Id, drain.Reason));
        // What is being adopted is ended as soon as it is warm.
        var making = EndMaking(drain.Reason) + _members.Values.Count(m => m.Life.Phase == VmPhase.Adopting);
        Sender.Tell(new PoolDrained(_options.Name, offers.Count + making, _members.Values.Count(m => m.Shown.Held)));
    }

    private void RefuseWaiting(string reason)
    {
        foreach (var caller in _waiting.Clear().Concat(_waitingForNew.Clear())) Refuse(caller, RefusalKind.Unavailable, reason);
    }

    /// <summary>A VM that is being adopted is a warm one.</summary>
    private int EndMaking(string reason)
    {
        var making = _members.Values.Where(m => m.Life.Making && m.Life.Phase != VmPhase.Adopting).ToList();
        foreach (var member in making) member.Actor.Tell(new StopVm(member.Id, reason));
        return making.Count;
    }

    private void OnTooOld(VmId id)
    {
        if (!_members.TryGetValue(id, out var member)) return;
        member.TooOld = true;
        Reconsider(member);
        Balance();
    }

    private PoolCount Count()
    {
        var (fresh, outdated) = _shelf.Count;
        return new PoolCount(
            _options.VmCacheNumber, Waiting, _refill.FailuresInARow, _refill.BackingOff, _making, fresh, outdated);
    }

    private int Waiting => _waiting.Count + _waitingForNew.Count;

    private bool Current(Member member) => !member.TooOld && member.Spec.Accelerator == _accelerator?.Accelerator;

    private int Warm() => _members.Values.Count(m => m.Shown.Phase == VmPhase.Warm);

    private DateTimeOffset Now => _around.Ports.Time.GetUtcNow();

    private Gateway.PoolView View() => new(
        _options.Name, _options.Endpoint, _options.VmCacheNumber, Warm(), _making,
        _members.Values.Count(m => m.Shown.Held), Waiting,
        _drained ?? _refill.Reason(_options.VmCacheNumber, Warm(), _making, Now),
        _accelerator?.Accelerator ?? Accelerator.Tcg, _accelerator?.Reason ?? "not resolved yet",
        [.. _members.Values.Select(ViewOf)], _events.Snapshot());

    private VmView ViewOf(Member m) => new(m.Id, _options.Name, m.Shown, m.Spec, m.Facts, m.ConfirmBefore, _options.GracePeriod,
        m.Lease, m.ExpiresAt, m.Size);

    private sealed record WishOverdue(AcquireTicket Ticket);
    private sealed record WishSettled(AcquireTicket Ticket, string Key);
    private sealed record RecoverDue { public static readonly RecoverDue Instance = new(); }
    private sealed record RecoverFailed(Exception Cause);
    private sealed record LookDue(VmId Id);
    private sealed record LookFailed(VmId Id, Exception Cause);
    private sealed record TooOld(VmId Id);
    private sealed record TryAgain { public static readonly TryAgain Instance = new(); }
    private sealed record Recovered(IReadOnlyList<FoundVm> Found);
    private sealed record Refound(VmId Id, FoundVm? Found);
}
