namespace VmCacheCluster.Domain;

/// <summary>What a guest that did not come up under KVM says about KVM.</summary>
public static class ProofRules
{
    /// <param name="refused">QEMU said that KVM does not do what this guest needs.</param>
    public static ProofOutcome OutcomeOf(VmFailureKind kind, bool refused) => kind switch
    {
        _ when refused => ProofOutcome.Settled,
        // What is missing on the host or in the configuration says nothing about KVM, and may be there tomorrow.
        VmFailureKind.Configuration or VmFailureKind.Host or VmFailureKind.Cancelled => ProofOutcome.NotTried,
        _ => ProofOutcome.Failed,
    };
}
