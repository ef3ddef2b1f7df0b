using System.Text.Json;

namespace VmCacheCluster.Kata;

/// <summary>
/// Kata's HypervisorConfig: every field of 3.5.0 and of 4.1.0, in 4.1.0's order, at the value that Kata's loader gives a
/// QEMU table without that key. A client ignores the fields it does not know, so one JSON serves both. The names are the
/// wire's; sizes are MiB.
/// </summary>
public sealed record KataHypervisorConfig
{
    public IReadOnlyList<uint>? Groups { get; init; }
    public string KernelPath { get; init; } = "";
    public string ImagePath { get; init; } = "";
    public string InitrdPath { get; init; } = "";
    public JsonElement? GuestExtensionImages { get; init; }
    public string RootfsType { get; init; } = "ext4";
    public string FirmwarePath { get; init; } = "";
    public string FirmwareVolumePath { get; init; } = "";
    public string MachineAccelerators { get; init; } = "";
    public string CPUFeatures { get; init; } = "";
    public string HypervisorPath { get; init; } = "/usr/bin/qemu-system-x86_64";
    public string HypervisorCtlPath { get; init; } = "";
    public string JailerPath { get; init; } = "";
    public string BlockDeviceDriver { get; init; } = "virtio-scsi";
    public string HypervisorMachineType { get; init; } = "q35";
    public string MemoryPath { get; init; } = "";
    public string DevicesStatePath { get; init; } = "";
    public string EntropySource { get; init; } = "/dev/urandom";
    public string SharedFS { get; init; } = "virtio-fs";
    public string SharedPath { get; init; } = "";
    public string VirtioFSDaemon { get; init; } = "";
    public string VirtioFSCache { get; init; } = "never";
    public string FileBackedMemRootDir { get; init; } = "";
    public string VhostUserStorePath { get; init; } = "/var/run/kata-containers/vhost-user/";
    public uint VhostUserDeviceReconnect { get; init; }
    public string GuestMemoryDumpPath { get; init; } = "";
    public string GuestHookPath { get; init; } = "";
    public string VMid { get; init; } = "";
    public string VMStorePath { get; init; } = "";
    public string RunStorePath { get; init; } = "";
    public string SELinuxProcessLabel { get; init; } = "";
    public IReadOnlyList<string>? HypervisorPathList { get; init; }
    public IReadOnlyList<string>? HypervisorCtlPathList { get; init; }
    public IReadOnlyList<string>? JailerPathList { get; init; }
    public IReadOnlyList<string>? EntropySourceList { get; init; }
    public IReadOnlyList<string>? VirtioFSDaemonList { get; init; }
    public IReadOnlyList<string>? VirtioFSExtraArgs { get; init; }
    public IReadOnlyList<string>? EnableAnnotations { get; init; }
    public IReadOnlyList<string>? FileBackedMemRootList { get; init; }
    public IReadOnlyList<string>? PFlash { get; init; } = [];
    public IReadOnlyList<string>? VhostUserStorePathList { get; init; }
    public string SeccompSandbox { get; init; } = "";
    public string BlockDeviceAIO { get; init; } = "io_uring";
    public string RemoteHypervisorSocket { get; init; } = "";
    public string SandboxName { get; init; } = "";
    public string SandboxNamespace { get; init; } = "";
    public string User { get; init; } = "";
    public string SnpIdBlock { get; init; } = "";
    public string SnpIdAuth { get; init; } = "";
    public ulong? SnpGuestPolicy { get; init; }
    public IReadOnlyList<KataParam>? KernelParams { get; init; } = [];
    public string KernelVerityParams { get; init; } = "";
    public IReadOnlyList<KataParam>? HypervisorParams { get; init; }
    public long SGXEPCSize { get; init; }
    public long DiskRateLimiterBwMaxRate { get; init; }
    public long DiskRateLimiterBwOneTimeBurst { get; init; }
    public long DiskRateLimiterOpsMaxRate { get; init; }
    public long DiskRateLimiterOpsOneTimeBurst { get; init; }
    public ulong RxRateLimiterMaxRate { get; init; }
    public ulong TxRateLimiterMaxRate { get; init; }
    public long NetRateLimiterBwMaxRate { get; init; }
    public long NetRateLimiterBwOneTimeBurst { get; init; }
    public long NetRateLimiterOpsMaxRate { get; init; }
    public long NetRateLimiterOpsOneTimeBurst { get; init; }
    public ulong MemOffset { get; init; }
    public JsonElement? VFIODevices { get; init; }
    public JsonElement? VhostUserBlkDevices { get; init; }
    public string HotPlugVFIO { get; init; } = "no-port";
    public string ColdPlugVFIO { get; init; } = "no-port";
    public uint PCIeRootPort { get; init; }
    public uint PCIeSwitchPort { get; init; }
    /// <summary>For clients up to 3.2, which know no fractions.</summary>
    public uint NumVCPUs { get; init; } = 1;
    public float NumVCPUsF { get; init; } = 1;
    public uint DefaultMaxVCPUs { get; init; }
    public uint MemorySize { get; init; } = 2048;
    public ulong DefaultMaxMemorySize { get; init; }
    public uint DefaultBridges { get; init; } = 1;
    public uint Msize9p { get; init; } = 8192;
    public uint MemSlots { get; init; } = 10;
    public uint VirtioFSCacheSize { get; init; }
    public uint VirtioFSQueueSize { get; init; }
    public uint Uid { get; init; }
    public uint Gid { get; init; }
    public uint RemoteHypervisorTimeout { get; init; }
    public bool BlockDeviceCacheSet { get; init; }
    public bool BlockDeviceCacheDirect { get; init; }
    public bool BlockDeviceCacheNoflush { get; init; }
    public uint BlockDeviceLogicalSectorSize { get; init; }
    public uint BlockDevicePhysicalSectorSize { get; init; }
    public bool DisableBlockDeviceUse { get; init; }
    public bool EnableIOThreads { get; init; }
    public uint IndepIOThreads { get; init; }
    public bool Debug { get; init; }
    public uint HypervisorLoglevel { get; init; } = 1;
    public bool MemPrealloc { get; init; }
    public bool ReclaimGuestFreedMemory { get; init; }
    public bool HugePages { get; init; }
    public bool VirtioMem { get; init; }
    public bool IOMMU { get; init; }
    public bool IOMMUPlatform { get; init; }
    public JsonElement? GuestNUMANodes { get; init; }
    public IReadOnlyList<string>? NUMAMapping { get; init; }
    public bool DisableNestingChecks { get; init; }
    public bool DisableImageNvdimm { get; init; }
    public bool GuestMemoryDumpPaging { get; init; }
    public bool ConfidentialGuest { get; init; }
    public bool SevSnpGuest { get; init; }
    public bool BootToBeTemplate { get; init; }
    public bool BootFromTemplate { get; init; }
    public bool DisableVhostNet { get; init; }
    public bool EnableVhostUserStore { get; init; }
    public bool GuestSwap { get; init; }
    public bool Rootless { get; init; }
    public bool DisableSeccomp { get; init; }
    public bool DisableSeLinux { get; init; }
    public bool DisableGuestSeLinux { get; init; }
    public bool LegacySerial { get; init; }
    public string ExtraMonitorSocket { get; init; } = "";
    public uint QgsPort { get; init; }
    public string Initdata { get; init; } = "";
    public byte[]? InitdataDigest { get; init; }
    public string InitdataImage { get; init; } = "";
    public uint DefaultGPUs { get; init; }
    public string DefaultGPUModel { get; init; } = "";
    public string MeasurementAlgo { get; init; } = "sha512";
}
