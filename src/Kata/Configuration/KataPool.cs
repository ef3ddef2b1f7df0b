using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>The VMs that a configuration asks for, as Kata's runtime would make them.</summary>
public static class KataPool
{
    private const string MemoryFiles = "/dev/shm";

    /// <param name="pool">Whose they are.</param>
    /// <param name="configuration">What was read.</param>
    /// <param name="transport">How their agents are reached.</param>
    /// <param name="host">Where they run.</param>
    /// <param name="target">Whose they are to be.</param>
    public static VmSpec Spec(PoolName pool, KataVmConfig configuration, AgentTransport transport, IKataHost host, KataTarget target = KataTarget.Union)
    {
        var config = configuration.HypervisorConfig;
        return new VmSpec
        {
            Pool = pool,
            Machine = config.HypervisorMachineType == "pc" ? MachineType.Pc : MachineType.Q35,
            CpuModel = "",
            Cpus = (int)MathF.Ceiling(config.NumVCPUsF),
            MaxCpus = (int)config.DefaultMaxVCPUs,
            MemoryMiB = (int)config.MemorySize,
            MemorySlots = (int)config.MemSlots,
            MaxMemoryMiB = (int)UInt128.Min(MostMemory(config), (uint)int.MaxValue / 2),
            Qemu = config.HypervisorPath,
            Kernel = config.KernelPath,
            Initrd = config.InitrdPath.Length > 0 ? config.InitrdPath : null,
            Image = config.InitrdPath.Length == 0 && config.ImagePath.Length > 0 ? config.ImagePath : null,
            KernelParameters = KataKernelLine.Of(config, target == KataTarget.Kata113 ? configuration.First ?? new KataFirst() : null),
            EntropySource = config.EntropySource,
            RootPorts = 0,
            Agent = configuration.First is not { } parts ? AgentProtocol.Ttrpc : parts.ProxyType == KataProxyTypes.BuiltIn ? AgentProtocol.Yamux : AgentProtocol.Grpc,
            Kata = Shape(configuration, transport, host, target),
        };
    }

    private static KataShape Shape(KataVmConfig configuration, AgentTransport transport, IKataHost host, KataTarget target)
    {
        var config = configuration.HypervisorConfig;
        var share = config.SharedFS switch
        {
            "virtio-9p" => SharedFileSystem.Virtio9P,
            "virtio-fs" => SharedFileSystem.VirtioFs,
            _ => SharedFileSystem.None,
        };
        var mapped = config.ImagePath.Length > 0 && !config.DisableImageNvdimm;
        var shared = share == SharedFileSystem.VirtioFs || config.FileBackedMemRootDir.Length > 0;
        return new KataShape
        {
            First = target == KataTarget.Kata113,
            Machine = config.HypervisorMachineType switch
            {
                "pc" => KataMachine.Pc,
                "virt" => KataMachine.Virt,
                "microvm" => KataMachine.Microvm,
                _ => KataMachine.Q35,
            },
            MachineAccelerators = config.MachineAccelerators,
            CpuFeatures = config.CPUFeatures,
            Nested = host.IsVm && !config.DisableNestingChecks,
            Bridges = (int)config.DefaultBridges,
            Image = mapped ? ImageDevice.Nvdimm : ImageDevice.Block,
            ImageBytes = mapped ? host.SizeOf(config.ImagePath) ?? 0 : 0,
            Scsi = config.BlockDeviceDriver == "virtio-scsi",
            IoThread = config.EnableIOThreads,
            Share = share,
            VirtioFsDaemon = share == SharedFileSystem.VirtioFs ? config.VirtioFSDaemon : "",
            VirtioFsCache = share == SharedFileSystem.VirtioFs ? config.VirtioFSCache : "",
            VirtioFsArguments = share == SharedFileSystem.VirtioFs
                ? string.Join('\n', [.. config.VirtioFSExtraArgs ?? [], .. config.DisableGuestSeLinux ? Array.Empty<string>() : ["--xattr"]]) : "",
            VirtioFsCacheMiB = (int)config.VirtioFSCacheSize,
            VirtioFsQueue = (int)config.VirtioFSQueueSize,
            Transport = transport,
            ProxyPath = configuration.First?.ProxyPath ?? "",
            ProxyDebug = configuration.First?.ProxyDebug ?? false,
            Iommu = config.IOMMU,
            HugePages = config.HugePages,
            Prealloc = config.MemPrealloc || (shared && config.HugePages),
            MemoryDirectory = !shared || config.HugePages ? "" : config.FileBackedMemRootDir.Length > 0 ? config.FileBackedMemRootDir : MemoryFiles,
            SharedMemory = shared || config.EnableVhostUserStore,
            Firmware = config.FirmwarePath,
            Flashes = string.Join('\n', config.PFlash ?? []),
            LegacySerial = config.LegacySerial,
            Seccomp = config.SeccompSandbox,
            ExtraMonitor = config.ExtraMonitorSocket,
            HotPlugVfio = config.HotPlugVFIO,
            ColdPlugVfio = config.ColdPlugVFIO,
            HotPlugOnRootBus = configuration.First?.HotplugVfioOnRootBus ?? false,
            RootPorts = (int)config.PCIeRootPort,
            SwitchPorts = (int)config.PCIeSwitchPort,
            NestedBridges = target == KataTarget.Kata41 && config.HypervisorMachineType == "q35" && config.FirmwarePath.Length > 0,
            Unserved = string.Join("; ", Unserved(configuration).Select(u => $"{u.Key}: {u.Text} ({u.Remedy})")),
            FreePageReporting = config.ReclaimGuestFreedMemory && !config.ConfidentialGuest,
        };
    }

    /// <summary>What the configuration asks for and no VM of ours has: each with its key, and what to do.</summary>
    public static IEnumerable<(string Key, string Text, string Remedy)> Unserved(KataVmConfig configuration)
    {
        var config = configuration.HypervisorConfig;
        if (configuration.First is { AgentType: "hyperstart" })
            yield return ("agent.hyperstart", "hyperstart is told to clients, and its own protocol is not spoken here", "use a guest with [agent.kata]");
        if (config.ConfidentialGuest)
            yield return ("confidential_guest", "a confidential guest is measured for its owner, and cannot be booted beforehand for anybody", "set it to false, or boot such guests without a cache");
        if (config.SharedFS == "virtio-fs-nydus")
            yield return ("shared_fs", "nydusd is not served by this cache", "use \"virtio-fs\", \"virtio-9p\" or \"none\"");
        if (config.VirtioMem)
            yield return ("enable_virtio_mem", "memory is hot-plugged by DIMMs here, and virtio-mem is not set up", "set it to false: memory_slots and default_maxmemory hold as they are");
        if (config.Rootless)
            yield return ("rootless", "Kata's client runs each VM as a user of its own, which no server can know beforehand", "set it to false");
        if (config.EnableVhostUserStore && !config.HugePages)
            yield return ("enable_vhost_user_store", "Vhost-user-blk/scsi is enabled without HugePages. This configuration will not work", "set enable_hugepages = true too");
        if (config.HypervisorMachineType == "virt")
            yield return ("machine_type", "QEMU has no machine virt for x86-64", "use \"q35\"");
        if (config.HypervisorMachineType is not ("q35" or "pc" or "virt" or "microvm"))
            yield return ("machine_type", $"unrecognised machinetype: {config.HypervisorMachineType}", "use \"q35\"");
        if (config.KernelVerityParams.Length > 0)
            yield return (
                "kernel_verity_params", "the root of a guest is not checked by dm-verity here", "leave it out, or boot such guests without a cache");
        if (config.GuestExtensionImages is not null)
            yield return (
                "guest_extension_images", "no further images are attached to VMs of this cache", "leave them out, or boot such guests without a cache");
        if (config.GuestNUMANodes is not null)
            yield return ("enable_numa", "guests with NUMA nodes are not made here", "set it to false, or boot such guests without a cache");
        if (config.MemorySize > MostMemory(config))
            yield return (
                "default_memory", $"{config.MemorySize} MiB are more than default_maxmemory, {config.DefaultMaxMemorySize} MiB",
                "raise default_maxmemory, or lower this");
        if (config.NumVCPUsF > config.DefaultMaxVCPUs)
            yield return ("default_vcpus", $"MaxCPUs {config.DefaultMaxVCPUs} must be equal to or greater than CPUs {MathF.Ceiling(config.NumVCPUsF)}", "raise default_maxvcpus, or lower this");
    }

    /// <summary>MiB; two numbers of 64 bits.</summary>
    private static UInt128 MostMemory(KataHypervisorConfig config) => (UInt128)config.DefaultMaxMemorySize + config.MemOffset;
}
