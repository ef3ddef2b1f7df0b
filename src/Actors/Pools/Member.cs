using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A VM, as its pool knows it.</summary>
internal sealed class Member(VmId id, IActorRef actor, VmSpec spec, VmLife life)
{
    public VmId Id { get; } = id;
    public IActorRef Actor { get; } = actor;
    public VmSpec Spec { get; } = spec;
    public VmLife Life { get; set; } = life;
    public VmFacts? Facts { get; set; }
    public DateTimeOffset? ConfirmBefore { get; set; }
    public bool MaxAgeRuns { get; set; }
    public bool TooOld { get; set; }
    public bool HoldsSlot { get; set; }

    /// <summary>Since it became warm, until it is known what became of it.</summary>
    public WarmOffer? Offer { get; set; }

    /// <summary>Its life as the outside sees it: one that is being handed out does not say so itself.</summary>
    public VmLife Shown => Life.Phase == VmPhase.Warm && Offer?.Caller is not null ? Life with { Phase = VmPhase.Reserved } : Life;

    /// <summary>The caller who claimed it, if that one is still without an answer. It is not this VM's any more.</summary>
    public AcquireBaseVm? TakeCaller()
    {
        var caller = Offer?.Caller;
        Offer = null;
        return caller is { Ticket.Settled: false } ? caller : null;
    }
}
