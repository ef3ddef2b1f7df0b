using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>How a VM comes to its holder: reserved, prepared, granted, or refused. Part of the VM's actor.</summary>
internal sealed class VmHandOut(VmState state, IVmWork work)
{
    private readonly List<ReserveVm> _also = [];
    private readonly List<ReserveRefused> _refusals = [];
    private ReserveVm? _reserving;
    private Growth? _growth;

    /// <summary>It is reserved, and asked whether it is fit; nothing was done to it yet.</summary>
    public bool Proving { get; private set; }

    public void Ask(ReserveVm reserve)
    {
        // Its pool serves anew whoever was still to have it when it hears that it is gone.
        if (state.Life.Phase == VmPhase.Gone) return;
        if (state.Life.Phase == VmPhase.Warm && reserve.Caller is { Ticket.Settled: true, Wish: null or { IdempotencyKey: "" } })
        {
            // Who has left already costs no VM.
            work.Pool.Tell(new ReserveRefused(reserve.Id, reserve.Caller, "its caller has left"));
        }
        else if (state.Life.Phase == VmPhase.Warm && _reserving is null)
        {
            _reserving = reserve;
            work.Apply(new VmInput.Reserve(reserve.Caller.Path, reserve.Served));
        }
        else if (state.Life.Doubt is { } doubt) work.Pool.Tell(new ReserveRefused(reserve.Id, reserve.Caller, doubt.Message, doubt));
        else if (!IsSameCaller(reserve)) work.Pool.Tell(new ReserveRefused(reserve.Id, reserve.Caller, $"it is {state.Life.Phase}"));
        else if (state.Life.Phase == VmPhase.Leased) reserve.Caller.Ticket.TryAnswer(Grant());
        else if (state.Life is { Phase: VmPhase.Reserved, Interrupted: true })
        {
            _reserving = reserve;
            work.Apply(new VmInput.ClaimAgain());
        }
        else _also.Add(reserve);
    }

    /// <summary>What happened to it meanwhile is no concern of a holder, but of the next caller.</summary>
    public void Return()
    {
        // Whoever else has its key may hold it, or come back for it.
        if (state.Lease is { Record.IdempotencyKey.Length: > 0 }) return;
        var liveness = state.Vm!.Probe();
        work.Apply(state.Life.Confirmed || state.Life.Path != HandOutPath.Kata || liveness.Fit
            ? new VmInput.Return()
            : new VmInput.Stop($"it came back unfit: {liveness.Detail}"));
    }

    /// <returns>What comes next, when it is known at once.</returns>
    public VmInput? Reserve()
    {
        if (state.Vm!.Probe() is { Fit: false } unfit) return Unfit(unfit);
        if (!work.Prove(state.Life.Path)) return Record();
        Proving = true;
        return null;
    }

    /// <summary>It has said that it is fit.</summary>
    public void Proved()
    {
        if (!Proving) return;
        var next = state.Vm!.Probe() is { Fit: false } unfit ? Unfit(unfit) : Record();
        if (next is not null) work.Apply(next);
        else work.Report();
    }

    private VmInput.Unfit Unfit(VmLiveness liveness)
    {
        Proving = true;
        return new VmInput.Unfit(new VmFailure(liveness.Missing is null ? VmFailureKind.Exited : VmFailureKind.Host, liveness.Detail));
    }

    private VmInput? Record()
    {
        var vm = state.Vm!;
        Proving = false;
        state.HeldSince = state.Ports.Clock.Now;
        Task? lease = null;
        if (_reserving!.Caller.Wish is { } wish)
        {
            state.Lease = HeldLease.Of(wish, state.Plan.Lease);
            lease = vm.SaveLeaseAsync(state.Lease.Record, CancellationToken.None);
        }

        var recording = state.RecordAsync(VmOwnership.Reserved, lease);
        // A mark that is written at once (it is a write of some bytes to an open file) needs no way through the mailbox.
        if (recording.IsCompletedSuccessfully) return new VmInput.ReserveRecorded();
        work.Start(recording, new VmInput.ReserveRecorded());
        return null;
    }

    public void Prepare()
    {
        var (number, plan, caller) = (work.NewOperation(), state.Plan, _reserving!.Caller);
        var limit = LimitFor(caller);
        _growth = new Growth();
        var preparing = PrepareAsync(
            state.RecordAsync(VmOwnership.Preparing), state.Vm!, plan.Id, caller.Wish!, _growth, state.Ports.Time, work.NewCancellation(limit));
        work.Holdings.KeepAsync(preparing, prepared => prepared.Guest).PipeTo(work.Self,
            success: prepared => new VmPrepared(number, prepared),
            failure: e => new OperationDone(number, new VmInput.OperationFailed(Failures.From(e, limit))));
    }

    /// <summary>What was begun for a caller without a key is of no use after its deadline; ended before, the caller hears what went
    /// wrong. Whoever has a key may come back for it.</summary>
    private TimeSpan LimitFor(AcquireBaseVm caller)
    {
        if (caller is not { Until: { } until, Wish.IdempotencyKey: "" }) return state.Plan.BootTimeout;
        return PreparationTime.Limit(state.Ports.Time.GetElapsedTime(state.Ports.Time.GetTimestamp(), until), state.Plan.BootTimeout);
    }

    private static async Task<PreparedVm> PrepareAsync(Task recorded, IVm vm, VmId id, LeaseWish wish, Growth growth, TimeProvider time, CancellationToken cancel)
    {
        await recorded.ConfigureAwait(false);
        return await Preparation.RunAsync(vm, id, wish, growth, time, cancel).ConfigureAwait(false);
    }

    public void Prepared(VmPrepared done)
    {
        if (!work.IsCurrent(done.Operation) || state.Life.Phase != VmPhase.Preparing)
        {
            _ = work.Holdings.LetGoAsync(done.Prepared.Guest);
            return;
        }

        state.Guest = done.Prepared.Guest;
        state.Lease!.Timeline = done.Prepared.Timeline;
        state.Lease.ExtendBy(state.Lease.Record.Ttl, state.Ports);
        work.Start(state.RecordAsync(VmOwnership.Unconfirmed), new VmInput.Prepared());
    }

    public void Answer()
    {
        var granted = Grant(_reserving!.Served);
        var told = _reserving.Caller.Ticket.TryAnswer(granted);
        foreach (var reserve in _also) told |= reserve.Caller.Ticket.TryAnswer(granted);
        // Who has a key may still come back for its VM.
        if (!told && state.Lease is null or { Record.IdempotencyKey: "" }) work.Self.Tell(new ReturnVm(state.Plan.Id));
        _reserving = null;
        _also.Clear();
    }

    /// <summary>Whoever was to have it is refused; the pool hears it by <see cref="TellRefusals"/>.</summary>
    public void Refuse()
    {
        var failure = state.Life.Ending?.Failure is { } ended ? _growth?.Blame(ended) ?? ended : state.Life.Doubt;
        var reason = state.Life.Ending?.Reason ?? failure?.Message ?? $"it is {state.Life.Phase}";
        foreach (var reserve in _also.Prepend(_reserving).OfType<ReserveVm>())
            _refusals.Add(new ReserveRefused(reserve.Id, reserve.Caller, reason, failure, Spent: failure is not null && !Proving));
        Proving = false;
        _reserving = null;
        _also.Clear();
    }

    public void TellRefusals()
    {
        foreach (var refusal in _refusals) work.Pool.Tell(refusal);
        _refusals.Clear();
    }

    /// <summary>The actor ends; the caller that the VM was reserved for is its pool's to serve.</summary>
    public void GiveUp()
    {
        foreach (var reserve in _also)
        {
            reserve.Caller.Ticket.TryAnswer(new AcquireRefused(
                RefusalKind.Unavailable, $"VM {state.Plan.Id}, which is meant by its key, is recovering from a fault", TimeSpan.FromSeconds(1)));
        }
    }

    /// <summary>Who asks again with the key of the VM's lease means the same VM.</summary>
    private bool IsSameCaller(ReserveVm reserve)
        => state.Life.Held && reserve.Caller.Wish is { IdempotencyKey.Length: > 0 } wish
            && _reserving?.Caller.Wish?.IdempotencyKey is var waiting
            && wish.IdempotencyKey == (state.Lease?.Record.IdempotencyKey ?? waiting);

    private BaseVmGranted Grant(Served? served = null) => new(
        state.Facts!, served ?? state.Life.Served, state.Plan.Grace, work.Self, state.Plan.Door,
        state.Lease is not { } lease ? null : new LeaseGrant(lease.Record, state.Vm!.Size, lease.ExpiresAt!.Value, state.ConfirmBefore, lease.Timeline));
}

internal sealed record VmPrepared(int Operation, PreparedVm Prepared);
