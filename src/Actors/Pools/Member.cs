using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A VM, as its pool knows it.</summary>
internal sealed class Member(VmId id, IActorRef actor, VmSpec spec, VmLife life)
{
    private readonly List<AcquireBaseVm> _claims = [];

    public VmId Id { get; } = id;
    public IActorRef Actor { get; } = actor;
    public VmSpec Spec { get; } = spec;
    public VmLife Life { get; set; } = life;
    public VmFacts? Facts { get; set; }
    public DateTimeOffset? ConfirmBefore { get; set; }
    public LeaseRecord? Lease { get; set; }
    public DateTimeOffset? ExpiresAt { get; set; }
    public VmSize? Size { get; set; }
    /// <summary>How long it had been warm when it was adopted.</summary>
    public TimeSpan WarmBefore { get; init; }
    public bool MaxAgeRuns { get; set; }
    public bool TooOld { get; set; }
    public bool HoldsSlot { get; set; }

    /// <summary>Since it became warm, until it is known what became of it.</summary>
    public WarmOffer? Offer { get; set; }

    /// <summary>Its life as the outside sees it: one that is being handed out does not say so itself.</summary>
    public VmLife Shown => Life.Phase == VmPhase.Warm && Offer?.Caller is not null ? Life with { Phase = VmPhase.Reserved } : Life;

    /// <summary>A caller asks for the VM of its key.</summary>
    public void ClaimAgain(AcquireBaseVm caller)
    {
        _claims.RemoveAll(c => c.Ticket.Settled);
        _claims.Add(caller);
        Actor.Tell(new ReserveVm(Id, caller, Served.Warm));
    }

    /// <summary>The VM has not been given to a caller who had claimed it.</summary>
    public void Refused(AcquireBaseVm caller)
    {
        Offer = null;
        _claims.RemoveAll(c => c.Ticket == caller.Ticket);
    }

    /// <summary>Callers who claimed it and are still without an answer. They are not this VM's any more.</summary>
    public IReadOnlyList<AcquireBaseVm> TakeCallers()
    {
        var callers = _claims.Append(Offer?.Caller).OfType<AcquireBaseVm>().Where(c => !c.Ticket.Settled).ToList();
        Offer = null;
        _claims.Clear();
        return callers;
    }
}
