namespace VmCacheCluster.Domain;

/// <summary>A machine type of QEMU's as Kata's configuration names it.</summary>
public enum KataMachine { Q35, Pc, Virt, Microvm }

/// <summary>How a guest reaches its root image.</summary>
public enum ImageDevice
{
    /// <summary>/dev/vda of virtio-blk.</summary>
    Block,
    /// <summary>/dev/pmem0: the image mapped as persistent memory.</summary>
    Nvdimm,
}

/// <summary>How files are shared with a sandbox's guest.</summary>
public enum SharedFileSystem { None, Virtio9P, VirtioFs }

/// <summary>How a guest's agent is reached.</summary>
public enum AgentTransport
{
    /// <summary>A Unix socket of the VM's client directory.</summary>
    VirtioSerial,
    /// <summary>Port 1024 of the VM's context id, which is of our own choosing.</summary>
    Vsock,
}

/// <summary>
/// What of a VM is as Kata's runtime would have made it for the same configuration, so that its client finds every device
/// where it expects it. Null in a <see cref="VmSpec"/>: the VM is of our own layout. Two shapes are equal by value.
/// </summary>
public sealed record KataShape
{
    /// <summary>The arguments as of Kata 1.x.</summary>
    public bool First { get; init; }

    public KataMachine Machine { get; init; } = KataMachine.Q35;

    /// <summary>What is put after QEMU's machine, with commas between; may be empty.</summary>
    public string MachineAccelerators { get; init; } = "";

    /// <summary>What is put after QEMU's CPU model, with commas between; may be empty.</summary>
    public string CpuFeatures { get; init; } = "";

    /// <summary>The host is a VM itself: virtio devices are transitional, as Kata has them there.</summary>
    public bool Nested { get; init; }

    /// <summary>PCI bridges that a client plugs into: pci-bridge-0, and so on.</summary>
    public int Bridges { get; init; } = 1;

    public ImageDevice Image { get; init; } = ImageDevice.Nvdimm;

    /// <summary>Bytes of the image, for <see cref="ImageDevice.Nvdimm"/>.</summary>
    public long ImageBytes { get; init; }

    /// <summary>The controller scsi0, that disks are plugged into.</summary>
    public bool Scsi { get; init; } = true;

    /// <summary>That controller works in a thread of its own.</summary>
    public bool IoThread { get; init; }

    public SharedFileSystem Share { get; init; }

    /// <summary>Absolute path of virtiofsd, for <see cref="SharedFileSystem.VirtioFs"/>.</summary>
    public string VirtioFsDaemon { get; init; } = "";

    /// <summary>virtiofsd's cache mode.</summary>
    public string VirtioFsCache { get; init; } = "";

    /// <summary>virtiofsd's further arguments, one a line.</summary>
    public string VirtioFsArguments { get; init; } = "";

    /// <summary>MiB of the shared cache window; 0: none.</summary>
    public int VirtioFsCacheMiB { get; init; }

    /// <summary>Length of the device's queues; 0: 1024.</summary>
    public int VirtioFsQueue { get; init; }

    public AgentTransport Transport { get; init; }

    /// <summary>Absolute path of kata-proxy, one of which serves each VM; empty: none.</summary>
    public string ProxyPath { get; init; } = "";

    /// <summary>It tells what it does, and what the console says.</summary>
    public bool ProxyDebug { get; init; }

    /// <summary>A virtual IOMMU.</summary>
    public bool Iommu { get; init; }

    /// <summary>Memory of /dev/hugepages.</summary>
    public bool HugePages { get; init; }

    /// <summary>All memory is touched at start.</summary>
    public bool Prealloc { get; init; }

    /// <summary>The directory of a shared memory file; empty: memory that is nobody else's.</summary>
    public string MemoryDirectory { get; init; } = "";

    /// <summary>Memory may be shared with another process of the host.</summary>
    public bool SharedMemory { get; init; }

    /// <summary>Absolute path of a firmware; empty: QEMU's own.</summary>
    public string Firmware { get; init; } = "";

    /// <summary>Absolute paths of flash images, one a line.</summary>
    public string Flashes { get; init; } = "";

    /// <summary>The console is a serial port, not a virtio one.</summary>
    public bool LegacySerial { get; init; }

    /// <summary>QEMU's <c>-sandbox</c> as configured; empty: ours, when <see cref="VmSpec.Sandbox"/> is set.</summary>
    public string Seccomp { get; init; } = "";

    /// <summary>A further monitor for a person: hmp, qmp or qmp-pretty; empty: none.</summary>
    public string ExtraMonitor { get; init; } = "";

    /// <summary>no-port, root-port, switch-port or bridge-port.</summary>
    public string HotPlugVfio { get; init; } = "no-port";

    /// <summary>no-port, root-port or switch-port.</summary>
    public string ColdPlugVfio { get; init; } = "no-port";

    /// <summary>Of Kata 1.x: VFIO devices are plugged into the root bus, or one of its ports.</summary>
    public bool HotPlugOnRootBus { get; init; }

    /// <summary>Ports for VFIO devices; rp0, and so on.</summary>
    public int RootPorts { get; init; }

    /// <summary>Ports of a PCIe switch for VFIO devices.</summary>
    public int SwitchPorts { get; init; }

    /// <summary>Bridges are behind root ports of their own, as Kata 4 has them where there is a firmware.</summary>
    public bool NestedBridges { get; init; }

    /// <summary>A balloon that gives memory back which the guest has freed.</summary>
    public bool FreePageReporting { get; init; }

    /// <summary>Why no VM can be made as it is asked for, and what to do; empty: one can.</summary>
    public string Unserved { get; init; } = "";

    /// <summary>The texts that a property has one a line.</summary>
    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Why no VM of this shape can be made from a template; null: one can.</summary>
    public string? WhyNotCloned() =>
        Share == SharedFileSystem.VirtioFs ? "its virtio-fs device cannot be saved (shared_fs = \"none\" or \"virtio-9p\" can)"
        : Image == ImageDevice.Nvdimm && ImageBytes > 0 ? "its image is mapped as memory, which would be saved too (disable_image_nvdimm = true, or an initrd)"
        : HugePages ? "its memory is of huge pages (enable_hugepages = false)"
        : MemoryDirectory.Length > 0 ? $"its memory is in {MemoryDirectory}, and not the template's (file_mem_backend = \"\")"
        : SharedMemory ? "its memory is shared with other processes (enable_vhost_user_store = false)"
        : Prealloc ? "all its memory is touched at start (enable_mem_prealloc = false)"
        : Machine == KataMachine.Microvm ? "no template is made of a microvm (machine_type = \"q35\")"
        : null;
}
