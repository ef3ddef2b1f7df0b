using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// The callers of a pool, from their request until they have a VM, a refusal, or have left: who takes a warm one at once,
/// who waits in which queue, whose key means another's VM. Part of the pool's actor, and used by it alone.
/// </summary>
internal sealed class PoolCallers(
    PoolSettings settings, IReadOnlyDictionary<VmId, Member> members, WarmShelf shelf, PoolGate gate, PoolCallersHost host)
{
    /// <summary>So many VMs are spent on one request; then the fault is taken to be the request's.</summary>
    private const int MostFailures = 3;

    /// <summary>Callers who take any VM, and callers who want one made for them.</summary>
    private readonly WaitingCallers _any = new(host.Timers, host.Time), _new = new(host.Timers, host.Time);
    private readonly Dictionary<AcquireTicket, AcquireBaseVm> _admitted = [];
    private long _inVain;

    public IdempotencyKeys Keys { get; } = new();

    /// <summary>How many wait for a VM.</summary>
    public int Waiting => _any.Count + _new.Count;

    /// <summary>Callers since the pool was started: those for whom a VM was warm, and those for whom none was.</summary>
    public long Came => shelf.Served + _inVain;

    public KeysHeld KeysHeld(PoolKey? only)
    {
        var astray = host.Quarantine.KeysOf(settings.Name);
        var keys = only is not { } one ? Keys.All(IsOnTheWay).Union(astray)
            : Keys.Has(one.Key, IsOnTheWay) || astray.Contains(one.Key) ? [one.Key] : [];
        return new KeysHeld([.. keys.Select(key => new PoolKey(settings.Name, key))]);
    }

    public void Acquire(AcquireBaseVm caller)
    {
        // No VM is spent on one who has left.
        if (caller.Ticket.Settled) return;
        if (caller.Wish is { } wish) caller = Admit(caller, wish);
        if (caller.Wish is { IdempotencyKey.Length: > 0 } again && !gate.Stopping && Keys.VmOf(again.IdempotencyKey) is { } known) Repeated(caller, again, known);
        else if (caller.Wish is { } kept && host.Quarantine.WhyNot(settings.Name, kept) is { } astray)
            Refuse(caller, RefusalKind.WrongState, astray);
        else if (gate.Closed is { } reason) Refuse(caller, RefusalKind.Unavailable, reason);
        else if (caller.Wish is { } wished) ServeWish(caller, wished);
        else Serve(caller);
    }

    /// <summary>Whoever was to have a VM that turned out to be unfit comes before those who wait.</summary>
    public void ServeAnew(ReserveRefused refused)
    {
        var (caller, failure) = (refused.Caller, refused.Failure);
        if (failure is not null) caller = caller with { Trouble = failure, Failures = caller.Failures + (refused.Spent ? 1 : 0) };
        if (_admitted.ContainsKey(caller.Ticket)) _admitted[caller.Ticket] = caller;
        ServeAnew(caller, refused.Spent ? failure : null);
    }

    public void ServeAnew(IEnumerable<AcquireBaseVm> callers)
    {
        foreach (var caller in callers) ServeAnew(caller);
    }

    public void ServeAnew(AcquireBaseVm caller, VmFailure? failure = null)
    {
        if (caller.Ticket.Settled) return;
        if (gate.Closed is { } reason) Refuse(caller, RefusalKind.Unavailable, reason);
        else if (caller.Wish is null)
        {
            if (!shelf.TryServe(caller, Served.Warm)) _any.AddFirst(caller);
        }
        else if (failure is { Kind: VmFailureKind.Configuration }) Refuse(caller, RefusalKind.Invalid, failure.ToString());
        else if (failure is { Kind: VmFailureKind.Growth }) Refuse(caller, RefusalKind.NotGrown, failure.ToString());
        else if (caller.Failures >= MostFailures) Refuse(caller, RefusalKind.Exhausted, Failed(caller)!);
        else if (failure is not null && IsLate(caller)) Refuse(caller, RefusalKind.Exhausted, $"no VM was ready in time: {Failed(caller)}");
        else Acquire(caller);
    }

    /// <summary>Who is to have the VM that has just become warm; null: nobody waits for it.</summary>
    /// <param name="made">It was made just now: it also serves who wants one made.</param>
    public AcquireBaseVm? TakeNext(bool made)
        => (_any.Next ?? (made ? _new.Next : null)) is { } first ? Remove(first.Ticket) : null;

    /// <summary>False: it did not wait in a queue.</summary>
    public bool Left(AcquireTicket ticket) => Remove(ticket) is not null;

    /// <summary>False: it did not wait in a queue any more.</summary>
    public bool WaitedInVain(AcquireTicket ticket)
    {
        if (Remove(ticket) is not { } caller) return false;
        Refuse(caller, RefusalKind.Exhausted, $"no VM became warm in time: {Why(caller)}");
        return true;
    }

    /// <summary>The deadline of a caller with a wish has passed. False: it did not wait in a queue.</summary>
    public bool Overdue(AcquireTicket ticket)
    {
        if (!_admitted.TryGetValue(ticket, out var caller)) return false;
        Refuse(caller, RefusalKind.Exhausted, $"no VM was ready in time: {Why(caller)}");
        return Left(ticket);
    }

    /// <summary>A caller with a wish has its answer, or has left.</summary>
    public void Settled(WishSettled settled)
    {
        _admitted.Remove(settled.Ticket);
        host.Timers().Cancel((nameof(WishOverdue), settled.Ticket));
        if (settled.Wish.IdempotencyKey.Length == 0) return;
        if (Keys.VmOf(settled.Wish.IdempotencyKey) is null && OnTheWay(settled.Ticket) is { } onTheWay)
            Keys.Claimed(onTheWay.Id, settled.Wish);
        foreach (var caller in Keys.Settled(settled.Wish.IdempotencyKey, settled.Ticket)) Acquire(caller);
    }

    public void RefuseWaiting(string reason)
    {
        foreach (var caller in _any.Clear().Concat(_new.Clear())) Refuse(caller, RefusalKind.Unavailable, reason);
    }

    /// <summary>The pool forgets everything; nobody is left without an answer.</summary>
    public void RefuseAll(IEnumerable<AcquireBaseVm> others, string reason)
    {
        foreach (var caller in _any.Clear().Concat(_new.Clear()).Concat(others).Concat(Keys.Clear()).Concat(_admitted.Values))
            Refuse(caller, RefusalKind.Unavailable, reason);
    }

    /// <summary>The VM that was told to be this caller's, and has not said yet whether it is.</summary>
    private Member? OnTheWay(AcquireTicket ticket) => members.Values.FirstOrDefault(m => m.Offer?.Caller?.Ticket == ticket && !m.Life.Ended);

    private bool IsOnTheWay(AcquireTicket ticket) => OnTheWay(ticket) is not null;

    private AcquireBaseVm? Remove(AcquireTicket ticket) => _any.Remove(ticket) ?? _new.Remove(ticket);

    /// <summary>A caller with a wish may stand in many places before it has its VM: its deadline is kept here.</summary>
    private AcquireBaseVm Admit(AcquireBaseVm caller, LeaseWish wish)
    {
        if (_admitted.ContainsKey(caller.Ticket)) return caller;
        caller = caller with { Until = host.Time.GetTimestamp() + (long)(caller.Wait.TotalSeconds * host.Time.TimestampFrequency) };
        _admitted[caller.Ticket] = caller;
        host.Timers().StartSingleTimer((nameof(WishOverdue), caller.Ticket), new WishOverdue(caller.Ticket), caller.Wait);
        var (pool, settled) = (host.Pool, new WishSettled(caller.Ticket, wish));
        caller.Ticket.Answer.ContinueWith(_ => pool.Tell(settled), TaskScheduler.Default);
        return caller;
    }

    /// <summary>Also when the pool takes no new callers: what it means is its caller's already.</summary>
    private void Repeated(AcquireBaseVm caller, LeaseWish wish, (VmId Vm, string Digest) known)
    {
        if (known.Digest != LeaseRules.Digest(wish))
        {
            RefuseKey(caller, wish);
            return;
        }

        var member = members[known.Vm];
        // Its actor may have taken its last message, or have failed.
        member.ServeAfterwards(caller);
        if (!member.Lost) member.Actor.Tell(new ReserveVm(known.Vm, caller, Served.Warm));
    }

    private void ServeWish(AcquireBaseVm caller, LeaseWish wish)
    {
        if (LeaseRules.Fault(wish, settings.Options) is { } fault) Refuse(caller, RefusalKind.Invalid, fault);
        else if (wish.IdempotencyKey.Length == 0) ServeAs(caller, wish);
        else
        {
            switch (Keys.Admit(caller))
            {
                case Admission.First or Admission.FirstAgain:
                    ServeAs(caller, wish);
                    break;
                case Admission.Differs:
                    RefuseKey(caller, wish);
                    break;
            }
        }
    }

    private void RefuseKey(AcquireBaseVm caller, LeaseWish wish) => Refuse(caller, RefusalKind.Invalid,
        "this idempotency key was used for another request: repeat that one, or take a new key");

    private void ServeAs(AcquireBaseVm caller, LeaseWish wish)
    {
        if (wish.Sandbox is { } sandbox && members.Values.FirstOrDefault(m => m.Lease?.Sandbox == sandbox) is { } other)
        {
            if (other.Life.Ending?.Obstacle is { } obstacle)
                Refuse(caller, RefusalKind.Unavailable, $"sandbox {sandbox} still has VM {other.Id}, whose end cannot be completed: {obstacle}");
            else if (other.Life.Ended) other.ServeAfterwards(caller);
            else Refuse(caller, RefusalKind.WrongState, $"sandbox {sandbox} has VM {other.Id} already: release that, or use another id");
        }
        else if (wish.Warm == WarmWish.Never) Queue(caller, _new);
        else if (wish is { Warm: WarmWish.Prefer, WarmOnly: false }) Serve(caller);
        else if (_any.Count > 0 || !shelf.TryServe(caller, Served.Warm))
        {
            _inVain++;
            Refuse(caller, RefusalKind.Exhausted, $"no VM is warm: {Why(caller)}");
        }
    }

    private void Serve(AcquireBaseVm caller)
    {
        if (_any.Count > 0 || !shelf.TryServe(caller, Served.Warm)) Queue(caller, _any);
    }

    private void Queue(AcquireBaseVm caller, WaitingCallers queue)
    {
        _inVain++;
        if (Waiting + Keys.Others >= settings.Options.MaxWaiting) Refuse(caller, RefusalKind.Exhausted, $"its queue is full ({Waiting} callers wait)");
        else queue.Add(caller);
    }

    private bool IsLate(AcquireBaseVm caller)
        => caller.Until is { } until && PreparationTime.IsOver(host.Time.GetElapsedTime(host.Time.GetTimestamp(), until));

    /// <summary>Why it has no VM: what went wrong with those that were to be its, before what holds for all callers.</summary>
    private string Why(AcquireBaseVm caller)
        => Failed(caller)
            ?? (members.Values.FirstOrDefault(m => m.Offer?.Caller?.Ticket == caller.Ticket && m.Shown.Held) is { } member
                ? $"VM {member.Id} was still being prepared for it"
                : host.WhyEmpty());

    /// <returns>Null: nothing went wrong.</returns>
    private static string? Failed(AcquireBaseVm caller) => caller switch
    {
        { Trouble: null } => null,
        { Failures: 0 } => $"the VM that it was to have was not fit: {caller.Trouble}",
        { Failures: 1 } => $"a VM could not be prepared for this request: {caller.Trouble}",
        _ => $"{caller.Failures} VMs could not be prepared for this request, the last because: {caller.Trouble}",
    };

    private void Refuse(AcquireBaseVm caller, RefusalKind kind, string reason)
        => caller.Ticket.TryAnswer(new AcquireRefused(
            kind, $"pool {settings.Name}: {reason}", kind is RefusalKind.Exhausted or RefusalKind.Unavailable ? host.RetryAfter() : TimeSpan.Zero));
}

/// <summary>What the callers' part of a pool needs of its actor.</summary>
/// <param name="Timers">Timers belong to the actor, which has them only once it has started.</param>
/// <param name="WhyEmpty">Why no VM is to be had now, for people.</param>
/// <param name="RetryAfter">When a refused caller may come again.</param>
internal sealed record PoolCallersHost(
    IActorRef Pool, Func<ITimerScheduler> Timers, TimeProvider Time, Func<string> WhyEmpty, Func<TimeSpan> RetryAfter, Quarantine Quarantine);

/// <summary>The deadline of a caller with a wish is over.</summary>
internal sealed record WishOverdue(AcquireTicket Ticket);

/// <summary>A caller with a wish has its answer, or has left.</summary>
internal sealed record WishSettled(AcquireTicket Ticket, LeaseWish Wish);
