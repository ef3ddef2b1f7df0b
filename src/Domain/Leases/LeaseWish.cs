using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Domain;

/// <summary>Whether a caller wants a VM that is warm already.</summary>
public enum WarmWish
{
    /// <summary>A warm one if there is one, else one is made.</summary>
    Prefer,
    /// <summary>A warm one at once, or a refusal.</summary>
    Require,
    /// <summary>One that is made for it; the warm ones are left to others.</summary>
    Never,
}

/// <summary>What an acquire of vmcache.v1 asks for.</summary>
/// <param name="MinCpus">vCPUs the guest is to have at least; 0: as the pool's VMs have.</param>
/// <param name="MinMemoryMiB">Memory the VM is to have at least, in MiB; 0: as the pool's VMs have.</param>
/// <param name="Ttl">Null: the pool's default.</param>
/// <param name="ClientHoldsAgent">The holder talks to the agent itself; else the daemon keeps the agent's channel for it.</param>
public sealed record LeaseWish(
    int MinCpus, int MinMemoryMiB, SandboxId? Sandbox, IReadOnlyDictionary<string, string> Labels, TimeSpan? Ttl,
    string IdempotencyKey, WarmWish Warm, LateBinding Binding, bool ClientHoldsAgent)
{
    /// <summary>Another node has chosen this host for a warm VM: it makes none. Not a part of what is asked for.</summary>
    public bool WarmOnly { get; init; }
}
