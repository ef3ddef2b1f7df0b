using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A VM, as its pool knows it.</summary>
internal sealed class Member(VmId id, IActorRef actor, VmSpec spec, VmLife life)
{
    private readonly List<AcquireBaseVm> _afterwards = [];

    public VmId Id { get; } = id;
    public IActorRef Actor { get; } = actor;
    public VmSpec Spec { get; } = spec;
    public VmLife Life { get; set; } = life;
    public VmFacts? Facts { get; set; }
    public DateTimeOffset? ConfirmBefore { get; set; }
    public LeaseRecord? Lease { get; set; }
    public DateTimeOffset? ExpiresAt { get; set; }
    public VmSize? Size { get; set; }
    /// <summary>When it was handed out; null: it is not.</summary>
    public DateTimeOffset? HeldAt { get; set; }
    /// <summary>As it is made, while nothing else is known of it.</summary>
    public MadeBy MadeBy { get; init; }
    /// <summary>How long it had been warm when it was adopted.</summary>
    public TimeSpan WarmBefore { get; init; }
    /// <summary>When it was begun to be made here (a timestamp); null: it was adopted.</summary>
    public long? BegunAt { get; set; }
    public bool MaxAgeRuns { get; set; }
    public bool TooOld { get; set; }
    public bool HoldsSlot { get; set; }
    /// <summary>It is made for somebody who waits.</summary>
    public bool Hurried { get; set; }
    /// <summary>Its actor failed, and it is being looked up whether the VM goes on.</summary>
    public bool Lost { get; set; }

    /// <summary>Since it became warm, until it is known what became of it.</summary>
    public WarmOffer? Offer { get; set; }

    /// <summary>Its life as the outside sees it: one that is being handed out does not say so itself.</summary>
    public VmLife Shown => Life.Phase == VmPhase.Warm && Offer?.Caller is not null ? Life with { Phase = VmPhase.Reserved } : Life;

    /// <summary>The caller is to be served when it is gone, if it has had no answer by then.</summary>
    public void ServeAfterwards(AcquireBaseVm caller)
    {
        _afterwards.RemoveAll(c => c.Ticket.Settled || c.Ticket == caller.Ticket);
        _afterwards.Add(caller);
    }

    /// <summary>It told the caller that it is not to be had.</summary>
    public void Refused(AcquireBaseVm caller)
    {
        _afterwards.RemoveAll(c => c.Ticket == caller.Ticket);
        if (Offer?.Caller?.Ticket == caller.Ticket) Offer = null;
    }

    public IReadOnlyList<AcquireBaseVm> TakeAfterwards()
    {
        AcquireBaseVm[] callers = [.. _afterwards];
        _afterwards.Clear();
        return callers;
    }

    /// <summary>The caller who claimed it, if that one is still without an answer. It is not this VM's any more.</summary>
    public AcquireBaseVm? TakeCaller()
    {
        var caller = Offer?.Caller;
        Offer = null;
        return caller is { Ticket.Settled: false } ? caller : null;
    }
}
