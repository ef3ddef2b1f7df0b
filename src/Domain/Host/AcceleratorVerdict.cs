namespace VmCacheCluster.Domain;

/// <summary>What a pool's guest is to run under.</summary>
/// <param name="Accelerator">What to use.</param>
/// <param name="Reason">Why, for a person: "KVM ran the guest in 0.8 s", "/dev/kvm is missing", ...</param>
public sealed record AcceleratorVerdict(Accelerator Accelerator, string Reason)
{
    public ProofOutcome Outcome { get; init; } = ProofOutcome.Settled;

    /// <summary>What kept KVM from running the guest; null: nothing did, or it was no failure of a VM.</summary>
    public VmFailureKind? Cause { get; init; }

    /// <summary>False: it is to be proved again.</summary>
    public bool Settled => Outcome == ProofOutcome.Settled;

    /// <summary>Whoever was told of one has nothing to learn from the other. Reasons are not compared: figures and a guest's words in them
    /// differ from one proof to the next.</summary>
    public bool IsLike(AcceleratorVerdict? other) =>
        other is not null && (Accelerator, Outcome, Cause) == (other.Accelerator, other.Outcome, other.Cause);
}

/// <summary>How far a verdict holds.</summary>
public enum ProofOutcome
{
    /// <summary>KVM ran the guest, or refused it, for as long as host, QEMU and guest are these. Or it was configured.</summary>
    Settled,
    /// <summary>KVM was there, and the guest did not come up, which may be the load of the host.</summary>
    Failed,
    /// <summary>There is no device that can be used. To look again costs nothing.</summary>
    NoDevice,
    /// <summary>Something else was in the way, on the host or in the configuration.</summary>
    NotTried,
}
