namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// Proves, by booting a pool's guest once, that KVM runs it: /dev/kvm can open and create a VM and still not run an
/// ordinary guest. What is settled holds for this boot of the host, this QEMU and this guest, and is remembered on disk.
/// </summary>
public interface IAcceleratorProof
{
    /// <summary>The remembered verdict for this spec, or null when none holds.</summary>
    AcceleratorVerdict? Remembered(VmSpec spec);

    /// <summary>Proves now; never throws for what the world does: a failure is the verdict TCG with its reason.</summary>
    /// <exception cref="OperationCanceledException">It was given up; nothing of it is left.</exception>
    Task<AcceleratorVerdict> ProveAsync(VmSpec spec, ProofLimits limits, CancellationToken cancel);

    /// <summary>What was refused is to be proved again; what KVM ran is still known.</summary>
    /// <exception cref="IOException">It is still remembered.</exception>
    void ForgetRefusals();
}
