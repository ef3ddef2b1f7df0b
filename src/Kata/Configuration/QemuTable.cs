namespace VmCacheCluster.Kata.Configuration;

/// <summary>The table [hypervisor.qemu], with the defaults, limits and checks of Kata's loader, in its order.</summary>
/// <param name="rules">Of the version, where the versions differ.</param>
internal sealed class QemuTable(KataSection table, IKataHost host, bool agentOverVsock, List<KataFault> faults, KataRules rules)
{
    private const uint LeastMemory = 256, DefaultMemory = 2048, MostBridges = 5, MostPorts = 16, MostLoglevel = 3;
    private const int MostVcpus = 240;

    private static readonly string[] BlockDrivers = ["virtio-scsi", "virtio-blk", "virtio-mmio", "nvdimm", "virtio-blk-ccw"];
    private static readonly string[] BlockAio = ["io_uring", "native", "threads"];
    private static readonly string[] Unsigned =
    [
        "memory_offset", "default_maxmemory", "rx_rate_limiter_max_rate", "tx_rate_limiter_max_rate", "snp_guest_policy",
    ];

    private static readonly string[] ExtraMonitors = ["hmp", "qmp", "qmp-pretty"];

    public KataHypervisorConfig Read()
    {
        var first = rules.IsFirst;
        var machine = table.Text("machine_type", first ? "pc" : "q35");
        var config = new KataHypervisorConfig
        {
            HypervisorPath = Existing("path", "/usr/bin/qemu-system-x86_64"),
            KernelPath = Existing("kernel", "/usr/share/kata-containers/vmlinuz.container"),
            InitrdPath = Existing("initrd"),
            ImagePath = Existing("image"),
            PFlash = Flashes(),
            FirmwarePath = Existing("firmware"),
            FirmwareVolumePath = Existing("firmware_volume"),
            BlockDeviceDriver = OneOf("block_device_driver", BlockDrivers, "Invalid hypervisor block storage driver {0} specified (supported drivers: {1})"),
            BlockDeviceAIO = OneOf("block_device_aio", BlockAio, "Invalid hypervisor block storage I/O mechanism  {0} specified (supported AIO: {1})"),
            SharedFS = OneOf("shared_fs", rules.SharedFileSystems, "Invalid hypervisor shared file system {0} specified (supported file systems: {1})", first ? "virtio-9p" : "virtio-fs"),
            VirtioFSDaemon = table.Text("virtio_fs_daemon"),
            ExtraMonitorSocket = table.Text("extra_monitor_socket"),
            RootfsType = table.Text("rootfs_type", "ext4"),
            MachineAccelerators = Trimmed("machine_accelerators"),
            CPUFeatures = Trimmed("cpu_features"),
            HypervisorMachineType = machine,
            EntropySource = table.Text("entropy_source", "/dev/urandom"),
            VirtioFSCache = table.Text("virtio_fs_cache", rules.VirtioFsCache),
            FileBackedMemRootDir = table.Text("file_mem_backend"),
            VhostUserStorePath = table.Text("vhost_user_store_path", "/var/run/kata-containers/vhost-user/"),
            VhostUserDeviceReconnect = table.Number("vhost_user_reconnect_timeout_sec"),
            GuestMemoryDumpPath = table.Text("guest_memory_dump_path"),
            GuestHookPath = table.Text("guest_hook_path"),
            HypervisorPathList = table.List("valid_hypervisor_paths"),
            EntropySourceList = table.List("valid_entropy_sources"),
            VirtioFSDaemonList = table.List("valid_virtio_fs_daemon_paths"),
            VirtioFSExtraArgs = table.List("virtio_fs_extra_args"),
            EnableAnnotations = table.List("enable_annotations"),
            FileBackedMemRootList = table.List("valid_file_mem_backends"),
            VhostUserStorePathList = table.List("valid_vhost_user_store_paths"),
            SeccompSandbox = table.Text("seccompsandbox"),
            SnpIdBlock = table.Text("snp_id_block"),
            SnpIdAuth = table.Text("snp_id_auth"),
            SnpGuestPolicy = table.Find("snp_guest_policy") is null ? null : table.Long("snp_guest_policy"),
            // What no VM of ours has is told to nobody but clients of Kata 4 alone, whose pool then says so.
            KernelVerityParams = rules.IsFourth ? table.Text("kernel_verity_params") : "",
            GuestExtensionImages = rules.IsFourth ? FourthTables.Images(table, faults) : null,
            GuestNUMANodes = rules.IsFourth ? FourthTables.NumaNodes(table, host) : null,
            KernelParams = KernelLine.Split(table.Text("kernel_params"), rules.QuotesKernelParameters),
            RxRateLimiterMaxRate = table.Long("rx_rate_limiter_max_rate"),
            TxRateLimiterMaxRate = table.Long("tx_rate_limiter_max_rate"),
            MemOffset = table.Long("memory_offset"),
            HotPlugVFIO = table.Text("hot_plug_vfio", "no-port"),
            ColdPlugVFIO = table.Text("cold_plug_vfio", "no-port"),
            PCIeRootPort = Math.Min(table.Number("pcie_root_port"), rules.LimitsRootPorts ? MostPorts : uint.MaxValue),
            PCIeSwitchPort = Math.Min(table.Number("pcie_switch_port"), MostPorts),
            DefaultMaxVCPUs = MaxVcpus(table.Number("default_maxvcpus")),
            MemorySize = table.Number("default_memory") is var memory && memory >= (first ? 1 : LeastMemory) ? memory : DefaultMemory,
            DefaultMaxMemorySize = table.Long("default_maxmemory") is > 0 and var most && most <= (ulong)host.MemoryMiB ? most : (ulong)host.MemoryMiB,
            DefaultBridges = table.Number("default_bridges") is > 0 and var bridges ? Math.Min(bridges, MostBridges) : 1,
            Msize9p = table.Number("msize_9p") is > 0 and var size ? size : 8192,
            MemSlots = table.Number("memory_slots") is > 0 and var slots ? slots : 10,
            VirtioFSCacheSize = table.Number("virtio_fs_cache_size"),
            VirtioFSQueueSize = table.Number("virtio_fs_queue_size"),
            BlockDeviceCacheSet = table.Flag("block_device_cache_set"),
            BlockDeviceCacheDirect = table.Flag("block_device_cache_direct"),
            BlockDeviceCacheNoflush = table.Flag("block_device_cache_noflush"),
            BlockDeviceLogicalSectorSize = table.Number("block_device_logical_sector_size"),
            BlockDevicePhysicalSectorSize = table.Number("block_device_physical_sector_size"),
            DisableBlockDeviceUse = table.Flag("disable_block_device_use"),
            EnableIOThreads = table.Flag("enable_iothreads"),
            IndepIOThreads = table.Number("indep_iothreads"),
            Debug = table.Flag("enable_debug"),
            HypervisorLoglevel = table.Number("hypervisor_loglevel") is > 0 and var level ? Math.Min(level, MostLoglevel) : 1,
            MemPrealloc = table.Flag("enable_mem_prealloc"),
            ReclaimGuestFreedMemory = table.Flag("reclaim_guest_freed_memory"),
            HugePages = table.Flag("enable_hugepages"),
            VirtioMem = table.Flag("enable_virtio_mem"),
            IOMMU = table.Flag("enable_iommu"),
            IOMMUPlatform = table.Flag("enable_iommu_platform"),
            NUMAMapping = table.List("numa_mapping"),
            DisableNestingChecks = table.Flag("disable_nesting_checks"),
            DisableImageNvdimm = table.Flag("disable_image_nvdimm") || machine == "microvm",
            GuestMemoryDumpPaging = table.Flag("guest_memory_dump_paging"),
            ConfidentialGuest = table.Flag("confidential_guest"),
            SevSnpGuest = table.Flag("sev_snp_guest"),
            DisableVhostNet = table.Flag("disable_vhost_net"),
            EnableVhostUserStore = table.Flag("enable_vhost_user_store"),
            GuestSwap = table.Flag("enable_guest_swap"),
            Rootless = table.Flag("rootless"),
            DisableSeLinux = table.Flag("disable_selinux"),
            DisableGuestSeLinux = table.Flag("disable_guest_selinux"),
            LegacySerial = table.Flag("use_legacy_serial"),
            QgsPort = table.Number("tdx_quote_generation_service_socket_port"),
            MeasurementAlgo = table.Text("measurement_algo", "sha512"),
        };
        Check(config);
        return WithVcpus(config, table.Real("default_vcpus"));
    }

    /// <summary>Numbers below zero that Kata's decoder does not refuse.</summary>
    public static IEnumerable<string> Negative(KataSection table) => Unsigned
        .Select(key => (Setting: table.Find(key), Number: table.Long(key)))
        .Where(n => n.Setting is { Value: Toml.TomlInteger { Value: < 0 } })
        .Select(n => $"{n.Setting!.Key} = {n.Setting.Value.Shown} in file {n.Setting.File}, line {n.Setting.Line} "
            + $"is read as {n.Number}, as Kata reads it");

    private void Check(KataHypervisorConfig config)
    {
        if (rules.IsFourth) FourthTables.SectorSizes(table, faults);
        if (config.SharedFS is "virtio-fs" or "virtio-fs-nydus" && config.VirtioFSDaemon.Length == 0)
            Fault("virtio_fs_daemon", $"cannot enable {config.SharedFS} without daemon path in configuration file", "name virtiofsd's path, or set shared_fs to \"none\"");
        if (agentOverVsock && !host.HasVhostVsock)
            Fault("", "host system doesn't support vsock: stat /dev/vhost-vsock: no such file or directory",
                "modprobe vhost_vsock; or --agent-transport serial, for guests whose agent is reached that way");
        if (config.ExtraMonitorSocket.Length > 0 && !ExtraMonitors.Contains(config.ExtraMonitorSocket))
            Fault("extra_monitor_socket", $"Invalid hypervisor extra monitor socket {config.ExtraMonitorSocket} specified (supported values: [{string.Join(' ', ExtraMonitors)}])",
                "use one of these, or leave it out");
    }

    private KataHypervisorConfig WithVcpus(KataHypervisorConfig config, float wanted)
    {
        var all = MaxVcpus(0);
        var vcpus = wanted < 0 || wanted > all ? all : wanted == 0 ? 1 : wanted;
        return config with { NumVCPUsF = vcpus, NumVCPUs = (uint)MathF.Ceiling(vcpus) };
    }

    private uint MaxVcpus(uint wanted) => (uint)Math.Min(wanted == 0 || wanted >= host.Cpus ? host.Cpus : wanted, MostVcpus);

    /// <summary>Each part without the spaces around it, and the whole without commas at its ends.</summary>
    private string Trimmed(string key) => string.Concat(table.Text(key).Split(',').Where(p => p.Length > 0).Select(p => p.Trim() + ",")).Trim(',');

    /// <summary>The path of what must be there, without symbolic links; empty when it is not set and has no default.</summary>
    private string Existing(string key, string otherwise = "")
    {
        var path = table.Text(key, otherwise);
        if (path.Length == 0) return "";
        if (host.Resolve(path) is { } resolved) return resolved;
        Fault(key, $"file {path} does not exist", "install it, or name another one");
        return path;
    }

    private IReadOnlyList<string> Flashes()
    {
        var flashes = table.List("pflashes") ?? [];
        if (flashes.FirstOrDefault(f => host.Resolve(f) is null) is { } missing)
            Fault("pflashes", $"failed to resolve path: {missing}: file {missing} does not exist", "install it, or leave it out");
        return flashes;
    }

    private string OneOf(string key, string[] choices, string text, string? otherwise = null)
    {
        var value = table.Text(key, otherwise ?? choices[0]);
        if (choices.Contains(value)) return value;
        Fault(key, string.Format(System.Globalization.CultureInfo.InvariantCulture, text, value, $"[{string.Join(' ', choices)}]"), "use one of these");
        return value;
    }

    private void Fault(string key, string text, string remedy)
    {
        var fault = table.Fault(key, text, remedy);
        // Kata puts the file before what is wrong with a hypervisor's table.
        faults.Add(fault with { Text = $"{table.MainFile}: {text}", Key = key.Length == 0 ? "" : fault.Key });
    }
}
