using System.Text.Json.Serialization;

namespace VmCacheCluster.Domain;

public enum MachineType { Q35, Pc }

/// <summary>What runs the guest's instructions: the host's CPU, or QEMU's translator.</summary>
public enum Accelerator { Kvm, Tcg }

/// <summary>What a guest's agent speaks.</summary>
public enum AgentProtocol
{
    /// <summary>ttRPC: Kata from 2.0 on, and the embedded guest.</summary>
    Ttrpc,
    /// <summary>gRPC through yamux: Kata 1.x.</summary>
    Yamux,
    /// <summary>gRPC as it is: Kata 1.x behind a kata-proxy, or over vsock.</summary>
    Grpc,
}

/// <summary>Everything that shapes a VM of a pool. Two VMs of equal specs are interchangeable.</summary>
public sealed record VmSpec
{
    public required PoolName Pool { get; init; }
    public MachineType Machine { get; init; } = MachineType.Q35;
    public Accelerator Accelerator { get; init; } = Accelerator.Tcg;

    /// <summary>QEMU's <c>-cpu</c>; empty: <c>host</c> under KVM, <c>max</c> under TCG.</summary>
    public string CpuModel { get; init; } = "";

    public int Cpus { get; init; } = 1;

    /// <summary>The most vCPUs that hot-plug can reach; at least <see cref="Cpus"/>.</summary>
    public int MaxCpus { get; init; } = 1;

    public int MemoryMiB { get; init; } = 256;

    /// <summary>Slots for hot-plugged memory; 0: none, then <see cref="MaxMemoryMiB"/> equals <see cref="MemoryMiB"/>.</summary>
    public int MemorySlots { get; init; }

    public int MaxMemoryMiB { get; init; } = 256;

    /// <summary>Absolute path of the QEMU binary.</summary>
    public required string Qemu { get; init; }

    public required string Kernel { get; init; }

    /// <summary>Absolute path of an initial RAM disk, or null. Exactly one of it and <see cref="Image"/> is set.</summary>
    public string? Initrd { get; init; }

    /// <summary>Absolute path of a raw root disk image (attached read-only as /dev/vda), or null.</summary>
    public string? Image { get; init; }

    /// <summary>The kernel's command line, whole.</summary>
    public string KernelParameters { get; init; } = "";

    /// <summary>What feeds the guest's virtio-rng device.</summary>
    public string EntropySource { get; init; } = "/dev/urandom";

    /// <summary>Empty PCIe root ports (q35 only), for disks and network cards to come.</summary>
    public int RootPorts { get; init; } = 4;

    /// <summary>QEMU's seccomp sandbox.</summary>
    public bool Sandbox { get; init; } = true;

    public AgentProtocol Agent { get; init; }

    /// <summary>How the agent of a VM of our own layout is reached. A host may resolve it for itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public AgentTransport Transport { get; init; }

    /// <summary>Its devices are Kata's; null: our own, as above.</summary>
    public KataShape? Kata { get; init; }

    /// <summary>Its agent is reached at a context id of its own on the vsock bus.</summary>
    [JsonIgnore]
    public bool HasVsock => (Kata?.Transport ?? Transport) == AgentTransport.Vsock;
}
