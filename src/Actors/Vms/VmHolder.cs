using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Vms;

/// <summary>What the holder of a VM asks for: to renew or release its lease, to use the guest, to have something done with the
/// VM. Part of the VM's actor.</summary>
internal sealed class VmHolder(VmState state, IVmWork work)
{
    private readonly List<IActorRef> _borrowers = [];
    private readonly TaskCompletionSource<VmRefused> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (VmCommand Command, IActorRef Asker)? _command;

    public void Release(ReleaseVm release, IActorRef asker)
    {
        // That it is gone is told by the pool, when it is.
        if (LeaseRules.FaultOfRelease(state.Plan.Id, state.Lease?.Record, release.Token) is not { } fault) work.Apply(new VmInput.Stop("it was released"));
        else work.Pool.Tell(new ReleaseRefused(state.Refused(RefusalKind.StaleToken, fault), asker));
    }

    public void Renew(RenewLease renew, IActorRef asker)
    {
        var limits = state.Plan.Lease;
        var ttl = renew.Ttl ?? AtMost(state.Lease?.Record.Ttl ?? limits.Ttl, limits.Most);
        if ((FaultOf(renew.Token) ?? (LeaseRules.FaultOfTtl(ttl, limits) is { } fault ? state.Refused(RefusalKind.Invalid, fault) : null)) is { } refused)
        {
            asker.Tell(refused);
            return;
        }

        state.Lease!.ExtendBy(ttl, state.Ports);
        work.StartLease();
        if (state.Life.Confirmed) _ = state.RecordAsync(VmOwnership.Confirmed);
        work.Apply(new VmInput.Use());
        work.Report();
        var renewed = new LeaseRenewed(state.Plan.Id, state.Lease.ExpiresAt!.Value, ttl);
        // A renewal that is not on disk is none: a restart would end the lease too early.
        state.Recorded.PipeTo(asker, success: () => renewed,
            failure: e => state.Refused(RefusalKind.Unavailable, $"the renewal could not be recorded: {e.Message}"));
    }

    public void UseGuest(UseGuest use, IActorRef asker)
    {
        if (FaultOf(use.Token) is { } refused) asker.Tell(refused);
        else if (state.Lease!.Record.ClientHoldsAgent)
            asker.Tell(state.Refused(RefusalKind.WrongState, $"the agent's channel of VM {state.Plan.Id} is its holder's: it was asked for at the acquire"));
        else if (state.Guest is { IsOpen: true } guest) Lend(new GuestLent(state.Plan.Id, guest), asker);
        else
        {
            // After a restart, or when it broke. The channel takes one client: whoever asks meanwhile waits for the same one.
            _borrowers.Add(asker);
            if (_borrowers.Count > 1) return;
            var (limit, broken) = (state.Plan.BootTimeout, state.Guest);
            state.Guest = null;
            work.Holdings.KeepAsync(ReopenAsync(broken, state.Vm!, work.Within(limit)), opened => opened).PipeTo(work.Self,
                success: opened => new GuestOpened(opened, null), failure: e => new GuestOpened(null, Failures.From(e, limit)));
        }
    }

    public void UseSocket(UseSocket use, IActorRef asker)
    {
        if (FaultOf(use.Token) is { } refused) asker.Tell(refused);
        else if (LeaseRules.FaultOfConnect(state.Plan.Id, state.Lease!.Record, use.Socket) is { } fault) asker.Tell(state.Refused(RefusalKind.WrongState, fault));
        else Lend(new SocketLent(state.Plan.Id, state.Facts!.Paths.Of(use.Socket), _over.Task), asker);
    }

    public void GuestOpened(GuestOpened opened)
    {
        // A command may have opened it meanwhile.
        state.Guest ??= opened.Guest;
        if (opened.Guest != state.Guest) _ = work.Holdings.LetGoAsync(opened.Guest);
        foreach (var borrower in _borrowers)
        {
            if (state.Guest is { } guest) Lend(new GuestLent(state.Plan.Id, guest), borrower);
            else borrower.Tell(state.Refused(RefusalKind.Unavailable, $"the agent of VM {state.Plan.Id} does not answer: {opened.Failure}"));
        }

        _borrowers.Clear();
    }

    public void Command(RunVmCommand run, IActorRef asker)
    {
        var refusal = _command is not null ? "it is busy with another command" : VmCommands.Refusal(state.Life, run.Command);
        if (refusal is not null)
        {
            asker.Tell(state.Refused(RefusalKind.WrongState, $"VM {state.Plan.Id} cannot do that: {refusal}"));
            return;
        }

        _command = (run.Command, asker);
        work.Apply(new VmInput.Perform(run.Command));
    }

    public void Perform()
    {
        var (guest, limit) = (state.Guest, state.Plan.BootTimeout);
        work.Holdings.KeepAsync(
            Performance.RunAsync(state.Vm!, guest, _command!.Value.Command, work.Within(limit)), done => done.Guest == guest ? null : done.Guest).PipeTo(work.Self,
            success: done => new CommandDone(done, null),
            failure: e => new CommandDone(new Performed(null, guest), Failures.From(e, limit)));
    }

    public void Performed(CommandDone done)
    {
        var (command, asker) = _command!.Value;
        _command = null;
        if (command is VmCommand.Disconnect && done.Failure is null) state.Guest = null;
        else state.Guest ??= done.Performed.Guest;
        asker.Tell(new VmPerformed(state.Plan.Id, state.Vm!.Size, done.Performed.Plugged, done.Failure ?? done.Performed.Plugged?.Failure));
        if (!state.Life.Ended) work.Report();
    }

    /// <summary>The VM is nobody's any more.</summary>
    public void Ended() => _over.TrySetResult(EndedAs());

    /// <summary>The actor ends.</summary>
    public void GiveUp()
    {
        var over = state.Life.Phase == VmPhase.Gone
            ? state.Refused(RefusalKind.NotFound, $"VM {state.Plan.Id} is gone: {state.Life.Ending?.Reason}")
            : state.Refused(RefusalKind.Unavailable, $"VM {state.Plan.Id} is recovering from a fault");
        _over.TrySetResult(over);
        foreach (var asker in _borrowers.Append(_command?.Asker).OfType<IActorRef>()) asker.Tell(over);
    }

    /// <summary>Why this is not the lease that the bearer of a token holds; null when it is.</summary>
    private VmRefused? FaultOf(LeaseToken token)
    {
        var (id, life) = (state.Plan.Id, state.Life);
        if (life.Ended) return EndedAs();
        if (state.Lease is null)
            return state.Refused(RefusalKind.WrongState, $"VM {id} has no lease: it is {life.Phase.ToString().ToLowerInvariant()}{(life.Path == HandOutPath.Kata ? ", handed to a client of Kata's interface" : "")}");
        if (state.Lease.Record.Token != token)
            return state.Refused(RefusalKind.StaleToken, $"the token shown is not that of the lease of VM {id}: whoever shows it does not hold this VM (any more)");
        return life.Phase == VmPhase.Leased ? null : state.Refused(RefusalKind.WrongState, $"VM {id} is still being prepared");
    }

    private VmRefused EndedAs() => state.Refused(RefusalKind.NotFound, $"VM {state.Plan.Id} is ending: {state.Life.Ending?.Reason}");

    private async Task<IGuest> ReopenAsync(IGuest? broken, IVm vm, CancellationToken cancel)
    {
        await work.Holdings.LetGoAsync(broken).ConfigureAwait(false);
        return await vm.OpenGuestAsync(cancel).ConfigureAwait(false);
    }

    private void Lend(object lent, IActorRef borrower)
    {
        work.Apply(new VmInput.Use());
        // What could not be recorded before may be by now.
        if (state.Recorded.IsFaulted) _ = state.RecordAsync(VmOwnership.Confirmed);
        // A use that is not on disk is none: a restart would take the lease for one that nobody confirmed.
        state.Recorded.PipeTo(borrower, success: () => lent,
            failure: e => state.Refused(RefusalKind.Unavailable, $"the use could not be recorded: {e.Message}"));
    }

    /// <summary>What a lease was granted before its pool was told to grant less.</summary>
    private static TimeSpan AtMost(TimeSpan wanted, TimeSpan most) => wanted < most ? wanted : most;
}

internal sealed record GuestOpened(IGuest? Guest, VmFailure? Failure);

internal sealed record CommandDone(Performed Performed, VmFailure? Failure);
