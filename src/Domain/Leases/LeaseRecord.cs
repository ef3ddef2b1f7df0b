namespace VmCacheCluster.Domain;

/// <summary>What is fixed about a lease; it survives a restart of the daemon. Its expiry is in the VM's mark.</summary>
/// <param name="Token">Whoever shows it is the holder.</param>
/// <param name="IdempotencyKey">The same key gives the same VM; empty: none.</param>
/// <param name="RequestDigest">Of everything that was asked for: the same key with another wish is a fault of the caller.</param>
/// <param name="Sandbox">What the VM is assigned to; null: nothing.</param>
/// <param name="Labels">The holder's own, shown in lists.</param>
/// <param name="Ttl">How long it lives after each renewal that asks for nothing else.</param>
/// <param name="ClientHoldsAgent">The holder talks to the agent itself: the channel is not the daemon's to take.</param>
public sealed record LeaseRecord(
    LeaseToken Token, string IdempotencyKey, string RequestDigest, SandboxId? Sandbox, IReadOnlyDictionary<string, string> Labels, TimeSpan Ttl,
    bool ClientHoldsAgent = false);
