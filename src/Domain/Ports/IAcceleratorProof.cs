namespace VmCacheCluster.Domain.Ports;

/// <summary>
/// Proves, by booting a pool's guest once, that KVM runs it: /dev/kvm can open and create a VM and still not run an
/// ordinary guest. The verdict holds for this boot of the host, this QEMU and this guest, and is remembered on disk.
/// </summary>
public interface IAcceleratorProof
{
    /// <summary>The remembered verdict for this spec, or null when none holds.</summary>
    AcceleratorVerdict? Remembered(VmSpec spec);

    /// <summary>Proves now; never throws for what the world does: a failure is the verdict TCG with its reason.</summary>
    Task<AcceleratorVerdict> ProveAsync(VmSpec spec, CancellationToken cancel);
}

/// <param name="Accelerator">What to use.</param>
/// <param name="Reason">Why, for a person: "KVM ran the guest in 0.8 s", "/dev/kvm is missing", ...</param>
public sealed record AcceleratorVerdict(Accelerator Accelerator, string Reason)
{
    /// <summary>False: KVM was not tried, for a cause that may go by itself. It is to be proved again.</summary>
    public bool Settled { get; init; } = true;
}
