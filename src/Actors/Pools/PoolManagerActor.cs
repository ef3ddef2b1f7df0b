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
    private readonly PoolSettings _settings;
    private readonly PoolPlan _plan;
    private readonly PoolSurroundings _around;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly EventLog _events;
    private readonly Refill _refill;
    private readonly PoolTemplate _template;
    private readonly PoolReleases _releases;
    private readonly PoolRecovery _recovery;
    private readonly PoolViews _views;
    private readonly PoolSwitchboard _switchboard;
    private readonly PoolMaking _making;
    private readonly PoolEndings _endings;
    private readonly MemberStarter _starter;
    private readonly PoolClosing _closing;
    private readonly PoolRollout _rollout;
    private readonly PoolCallers _callers;
    private readonly PoolGate _gate;
    private readonly PoolAges _ages;
    private readonly Dictionary<VmId, Member> _members = [];
    private readonly WarmShelf _shelf = new();
    private bool _recovering;

    public PoolManagerActor(PoolPlan plan, PoolSurroundings around)
    {
        _plan = plan;
        _settings = plan.Settings;
        _settings.Accelerator = null;
        _around = around;
        _events = new EventLog(around.Ports.Time);
        _refill = new Refill(_settings);
        _template = new PoolTemplate(_settings, around, Context, _events);
        _releases = new PoolReleases(_settings.Name, _members, around.Quarantine);
        _recovery = new PoolRecovery(_settings, around, Self, () => Timers, _log);
        _starter = new MemberStarter(_settings, around, Context, new PoolDoor(Self, _shelf));
        _making = new PoolMaking(_members, around.BootSlots);
        _gate = new PoolGate(plan.Closed);
        _ages = new PoolAges(_settings, () => Timers);
        _rollout = new PoolRollout(_settings, _gate, _refill, _events, Self, Context.Parent, () => Timers, _log);
        _endings = new PoolEndings(_settings.Name, _refill, _template, _rollout, _releases, _events, () => Timers, around, _log);
        _views = new PoolViews(_settings, _members, _template.Source, _refill, _gate, _events, around.Ports.Time);
        _switchboard = new PoolSwitchboard(_settings.Name, _members, _views, around.Quarantine);
        _callers = new PoolCallers(_settings, _members, _shelf, _gate,
            new PoolCallersHost(Self, () => Timers, around.Ports.Time, () => _views.WhyEmpty(_making.Count), _views.RetryAfter, around.Quarantine));
        _closing = new PoolClosing(_settings.Name, _members, _shelf, _callers, _template, _making, _gate);

        Receive<AcquireBaseVm>(WhenRecovered<AcquireBaseVm>(caller => { _callers.Acquire(caller); Balance(); }));
        Receive<AcquireAbandoned>(abandoned => { if (_callers.Left(abandoned.Ticket)) Balance(); });
        Receive<WaitOver>(over => { if (_callers.WaitedInVain(over.Ticket)) Balance(); });
        Receive<VmChanged>(OnVmChanged);
        Receive<ReserveRefused>(OnReserveRefused);
        Receive<ReleaseVm>(WhenRecovered<ReleaseVm>(release => _releases.Ask(release, Sender)));
        Receive<ReleaseRefused>(_releases.Refused);
        Receive<RenewLease>(WhenRecovered<RenewLease>(renew => _switchboard.ToVm(renew.Id, renew, Sender)));
        Receive<UseGuest>(WhenRecovered<UseGuest>(use => _switchboard.ToVm(use.Id, use, Sender)));
        Receive<UseSocket>(WhenRecovered<UseSocket>(use => _switchboard.ToVm(use.Id, use, Sender)));
        Receive<RunVmCommand>(WhenRecovered<RunVmCommand>(run => _switchboard.ToVm(run.Id, run, Sender)));
        Receive<GetVm>(WhenRecovered<GetVm>(get => _switchboard.Show(get, Sender)));
        Receive<GetPoolView>(_ => Sender.Tell(_views.Pool(_making.Count, _callers)));
        Receive<GetKeys>(WhenRecovered<GetKeys>(get => Sender.Tell(_callers.KeysHeld(get.Only))));
        Receive<AnnounceVms>(WhenRecovered<AnnounceVms>(announce => _switchboard.Announce(announce, Self)));
        Receive<BootSlotGranted>(_ => OnSlot());
        Receive<BootSlotWithheld>(withheld => _refill.Withheld = withheld.Reason);
        Receive<TemplateBegun>(_ => _refill.Withheld = null);
        Receive<AcceleratorAnswer>(OnAccelerator);
        Receive<TemplateReady>(ready => { _template.Ready(ready); Balance(); });
        Receive<TemplateFailed>(failed => { _template.Failed(failed); _rollout.TemplateFailed(failed.Failure); Balance(); });
        Receive<TemplateNews>(news => _events.Add(null, news.What));
        Receive<TemplateStopped>(_ => { _template.Stopped(); _closing.Finish(); });
        Receive<TryAgain>(_ => { _refill.MayTry(); Balance(); });
        Receive<TooOld>(old => OnTooOld(old.Id));
        Receive<StopPool>(stop => _closing.Stop(stop, Sender));
        Receive<DrainPool>(drain => _closing.Drain(drain, Sender));
        Receive<CordonPool>(cordon => { _events.Add(null, cordon.Reason ?? "it is kept warm again"); if (_closing.Cordon(cordon)) WantTemplate(); Balance(); });
        Receive<RetirePool>(_closing.Retire);
        Receive<ChangePool>(WhenRecovered<ChangePool>(change => { _closing.Open(); OnOtherVms(_rollout.Change(change.Options), PoolSettings.MakesOthers); }));
        Receive<UndoRollout>(WhenRecovered<UndoRollout>(undo => { if (_rollout.Undo(undo)) OnOtherVms(true, _settings.Undone!); }));
        Receive<RolloutOverdue>(_ => _rollout.Overdue());
        Receive<Terminated>(OnTerminated);
        Receive<EndFoundVm>(WhenRecovered<EndFoundVm>(EndFound));
        Receive<Refound>(OnRefound);
        Receive<Recovered>(OnRecovered);
        Receive<RecoverFailed>(_recovery.Failed);
        Receive<LookFailed>(_recovery.Failed);
        Receive<RecoverDue>(_ => _recovery.Start());
        Receive<LookDue>(due => _recovery.LookFor(due.Id));
        Receive<WishOverdue>(overdue => { if (_callers.Overdue(overdue.Ticket)) Balance(); });
        Receive<WishSettled>(settled => { _callers.Settled(settled); Balance(); });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public IStash Stash { get; set; } = null!;

    /// <summary>The state of a VM's actor that failed is beyond trust; its VM lives on, see <see cref="OnTerminated"/>.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(_ => Directive.Stop);

    protected override void PreStart()
    {
        foreach (var (id, note) in _plan.Notes) _events.Add(id, note);
        foreach (var found in _plan.Found) Spawn(found.Id, found.Facts!.Spec, found);
        Resolve();
    }

    /// <summary>Akka stops the children before a restart: that lets go of the VMs and ends none of them.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        if (!_recovering) _settings.Had = _members.Keys.ToHashSet();
        // Nobody may take a VM from here any more; who has taken one whose actor stops now is told.
        _shelf.Withdraw(int.MaxValue);
        base.PreRestart(reason, message);
        var unanswered = _members.Values.Select(m => m.TakeCaller()).OfType<AcquireBaseVm>();
        var delayed = _members.Values.SelectMany(m => m.TakeAfterwards());
        _callers.RefuseAll(unanswered.Concat(delayed), "it is recovering from a fault");
        _releases.RefuseAll($"pool {_settings.Name} is recovering from a fault");
    }

    protected override void PostRestart(Exception reason)
    {
        _recovering = true;
        _events.Add(null, $"the pool recovered from a fault of its own: {reason.Message}");
        _around.BootSlots.Tell(ForgetBootSlots.Instance);
        // Whether it was drained, or the daemon stops, is known there.
        Context.Parent.Tell(new PoolRestarted(_settings.Name));
        _recovery.Start();
    }

    private void OnRecovered(Recovered recovered)
    {
        foreach (var found in recovered.Vms.GoOn) Spawn(found.Id, found.Facts!.Spec, found);
        foreach (var unended in recovered.Vms.Unended) EndFound(unended);
        _recovering = false;
        Stash.UnstashAll();
        Resolve();
        _rollout.Resume();
    }

    private void Resolve() => _around.Accelerators.Tell(new ResolveAccelerator(_settings.Options.Spec, _settings.Options.Accelerator));

    /// <summary>Until it knows its VMs again, a restarted pool can say nothing about them.</summary>
    private Action<T> WhenRecovered<T>(Action<T> handle) => message =>
    {
        if (_recovering) Stash.Stash();
        else handle(message);
    };

    private void OnReserveRefused(ReserveRefused refused)
    {
        _log.Info("pool {0}: VM {1} was not handed out: {2}", _settings.Name, refused.Id, refused.Reason);
        if (_members.TryGetValue(refused.Id, out var member))
        {
            member.Refused(refused.Caller);
            if (member.Lease is null && refused.Caller.Wish is { } wish) _callers.Keys.Unclaimed(member.Id, wish.IdempotencyKey);
            if (refused.Failure is null && member is { Life.Phase: VmPhase.Warm, Lost: false, Offer: null }) PutOnShelf(member);
        }

        _callers.ServeAnew(refused);
        Balance();
    }

    private Member Spawn(
        VmId id, VmSpec spec, FoundVm? found, Template? template = null, VmPriority priority = VmPriority.Background, VmEnding? ending = null)
    {
        var member = _starter.Start(id, spec, found, template, priority, ending);
        _making.Begun(member);
        if (found is null) member.BegunAt = _around.Ports.Time.GetTimestamp();
        if (member is { Lease: { } lease, Life.Ended: false }) _callers.Keys.Leased(id, lease);
        _members[id] = member;
        _around.Gateway.Tell(new VmOwned(id, _settings.Name, Gone: false));
        return member;
    }

    private void OnVmChanged(VmChanged changed)
    {
        if (!_members.TryGetValue(changed.Id, out var member)) return;
        var before = member.Life;
        (member.Life, member.Facts, member.ConfirmBefore) = (changed.Life, changed.Facts, changed.ConfirmBefore);
        (member.Lease, member.ExpiresAt, member.Size, member.HeldAt) = (changed.Lease, changed.ExpiresAt, changed.Size, changed.HeldAt);
        if (member.Lease is { } lease && !changed.Life.Ended) _callers.Keys.Leased(changed.Id, lease);
        if (before.Making && !changed.Life.Making) _making.Done(member);
        if (before.Phase != changed.Life.Phase) OnPhase(member, before);
        _endings.Hindered(member, before);
        if (member.Life.Ending?.Obstacle is not null) _callers.ServeAnew(member.TakeAfterwards());
        _around.Journal.Add(
            changed.Life.Phase == VmPhase.Gone ? NodeEventKind.Gone : NodeEventKind.Changed, _settings.Name, _views.Vm(member), changed.Life.Ending?.Text ?? "");
        Balance();
        _closing.Finish();
    }

    private void OnPhase(Member member, VmLife before)
    {
        if (before.Phase == VmPhase.Warm) _shelf.Withdraw(member.Id);
        if (before.Phase == VmPhase.Unresponsive) _endings.DoubtOver();
        if (member.Life.Phase == VmPhase.Warm) OnWarm(member, before);
        if (member.Life.Phase == VmPhase.Unresponsive) _endings.Doubted(member);
        if (member.Life.Phase == VmPhase.Leased) member.Offer = null;
        if (member.Life.Ended && !before.Ended)
        {
            if (!member.Lost) _callers.Keys.Ended(member.Id);
            _endings.Begun(member);
        }

        if (member.Life.Phase == VmPhase.Gone) OnGone(member);
    }

    private void OnWarm(Member member, VmLife before)
    {
        if (before.Making) _refill.Succeeded(member.BegunAt is { } begun ? _around.Ports.Time.GetElapsedTime(begun) : _refill.Took);
        if (before.Making && member.Facts?.MadeBy == MadeBy.Clone) _template.Source.CloneSucceeded();
        if (before.Making) _rollout.Made(member);
        _ages.Watch(member);
        if (_gate.GivenUp is { } reason)
        {
            member.Actor.Tell(new StopVm(member.Id, reason));
            return;
        }

        // Claimed while it did not answer: it answers that caller yet, or refuses it.
        if (before.Phase == VmPhase.Unresponsive && member.Offer is { Caller.Ticket.Settled: false }) return;
        var made = before.Making && before.Phase != VmPhase.Adopting;
        if (_callers.TakeNext(made) is { } caller)
        {
            // Past the shelf: nobody who came later can snatch it.
            member.Offer = new WarmOffer(member.Id, member.Actor) { Caller = caller };
            member.Actor.Tell(new ReserveVm(member.Id, caller, Served.OnDemand));
        }
        else PutOnShelf(member);
    }

    private void PutOnShelf(Member member)
    {
        member.Offer = new WarmOffer(member.Id, member.Actor);
        // It was on its way to a caller while the others were given up.
        if (_gate.GivenUp is { } reason) member.Actor.Tell(new StopVm(member.Id, reason));
        else if (_gate.Closed is null) _shelf.Put(member.Offer, !_settings.IsCurrent(member));
    }

    private void OnGone(Member member)
    {
        _members.Remove(member.Id);
        // Last of all: whatever was sent to it until now has its answer.
        member.Actor.Tell(PoisonPill.Instance);
        _callers.Keys.Ended(member.Id);
        _ages.Forget(member);
        // A caller who claimed it when its actor took no more messages had no answer.
        if (member.TakeCaller() is { } caller) _callers.ServeAnew(caller);
        _callers.ServeAnew(member.TakeAfterwards());
        _around.Gateway.Tell(new VmOwned(member.Id, _settings.Name, Gone: true));
        _releases.Gone(member.Id);
    }

    /// <summary>A VM's actor ended although its VM did not: it failed. The VM is looked up in the records.</summary>
    private void OnTerminated(Terminated dead)
    {
        if (_template.Ended(dead.ActorRef))
        {
            WantTemplate();
            _closing.Finish();
            return;
        }

        var id = new VmId(dead.ActorRef.Path.Name);
        if (!_members.TryGetValue(id, out var member) || !member.Actor.Equals(dead.ActorRef)) return;
        // As a failure it also counts for the back-off: an actor that fails at every boot must not do so in a loop.
        var failure = new VmFailure(VmFailureKind.Internal, "its actor failed");
        var life = member.Life with { Phase = VmPhase.Failed, Ending = new VmEnding(failure.Message, member.Life.Phase, failure) };
        member.Lost = true;
        OnVmChanged(new VmChanged(id, life, member.Spec, member.Facts, null, member.Lease));
        if (member.TakeCaller() is { } caller) _callers.ServeAnew(caller);
        _recovery.LookFor(id);
    }

    private void OnRefound(Refound refound)
    {
        if (!_members.TryGetValue(refound.Id, out var member)) return;
        _events.Add(refound.Id, refound.Found is null ? "was ended or left alone, for its actor had failed" : "was taken over, for its actor had failed");
        // Who means this very VM is to find it again.
        var delayed = member.TakeAfterwards();
        if (refound is not { Found: null, Unended: null }) TakeBack(member, refound);
        else OnVmChanged(new VmChanged(refound.Id, member.Life with { Phase = VmPhase.Gone }, member.Spec, member.Facts, null));
        _callers.ServeAnew(delayed);
        _closing.Finish();
    }

    /// <summary>The VM, or its end, goes on with a new actor: to the outside it was never gone.</summary>
    private void TakeBack(Member lost, Refound refound)
    {
        _members.Remove(lost.Id);
        _ages.Forget(lost);
        if (refound.Unended is { } unended) EndFound(unended);
        if (refound.Found is not { } found) return;
        _releases.Recovered(lost.Id);
        Spawn(lost.Id, found.Facts!.Spec, found);
    }

    private void EndFound(EndFoundVm end)
    {
        if (!_members.ContainsKey(end.Found.Id)) Spawn(end.Found.Id, end.Found.Facts?.Spec ?? _settings.Options.Spec, end.Found, ending: end.Ending);
    }

    private void Balance()
    {
        if (_settings.Accelerator is null || _gate.Closed is not null) return;
        _rollout.FinishIfOver(_shelf.Count.Outdated);
        _making.Hurry(_callers.Waiting);
        var plan = PoolPolicy.Plan(Count());
        // One question at a time is open: the next one is asked when it is answered.
        if (plan.Start > 0 && _template.Source.MayMake && !_refill.SlotAsked)
        {
            _refill.SlotAsked = true;
            _around.BootSlots.Tell(new AskBootSlot(MemoryPolicy.NeedOf(_settings.Options.Spec, clone: _template.Source.Template is not null)));
        }

        foreach (var offer in _shelf.Withdraw(plan.Retire))
        {
            var member = _members[offer.Id];
            member.Actor.Tell(new StopVm(offer.Id, _settings.WhyRetired(member)));
        }
    }

    private void OnSlot()
    {
        if (!_refill.SlotAsked) return;
        (_refill.SlotAsked, _refill.Withheld) = (false, null);
        if (PoolPolicy.Plan(Count()).Start == 0 || _gate.Closed is not null || !_template.Source.MayMake)
        {
            _around.BootSlots.Tell(ReturnBootSlot.Instance);
            return;
        }

        var priority = _callers.Waiting > _making.Count ? VmPriority.Normal : VmPriority.Background;
        Spawn(_around.NewId(), _settings.Spec, found: null, _template.Source.Template, priority).HoldsSlot = true;
        Balance();
    }

    private void OnAccelerator(AcceleratorAnswer answer)
    {
        _rollout.Accelerated(answer.Verdict);
        _making.End(PoolSettings.OtherAccelerator, m => m.Spec != _settings.Spec);
        foreach (var member in _members.Values) Reconsider(member);
        WantTemplate();
        Balance();
    }

    /// <param name="other">False: they are of the same shape as before.</param>
    private void OnOtherVms(bool other, string reason)
    {
        if (other && _settings.Accelerator is not null)
        {
            _making.End(reason, m => m.Spec != _settings.Spec);
            foreach (var member in _members.Values) Reconsider(member);
            Resolve();
        }

        WantTemplate();
        Balance();
    }

    private void WantTemplate()
    {
        if (_settings.Accelerator is not null && _gate.Closed is null) _template.Want(_settings.Spec);
    }

    /// <summary>An outdated VM is handed out after the others.</summary>
    private void Reconsider(Member member)
    {
        if (member.Offer is { } offer && _shelf.Withdraw(member.Id)) _shelf.Put(offer, !_settings.IsCurrent(member));
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
            _settings.Options.VmCacheNumber, _callers.Waiting, _refill.FailuresInARow, _refill.BackingOff, _making.Count, fresh, outdated,
            _gate.Cordoned is not null, _rollout.Limits, _endings.Unresponsive);
    }
}
