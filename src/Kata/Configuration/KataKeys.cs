using static VmCacheCluster.Kata.Configuration.KeyType;
using static VmCacheCluster.Kata.Configuration.Releases;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>What Kata reads a key as.</summary>
internal enum KeyType
{
    Text,
    Texts,
    Flag,
    Signed32,
    Signed64,
    Number32,
    /// <summary>Not held against its limits: -1 is 18446744073709551615.</summary>
    Number64,
    Real32,
    /// <summary>A list of tables with name, path and verity_params.</summary>
    Images,
}

/// <summary>The versions of Kata whose keys are known.</summary>
[Flags]
internal enum Releases
{
    None = 0,
    R1 = 1,
    R2 = 2,
    R3 = 4,
    R4 = 8,
    Since2 = R2 | R3 | R4,
    Since3 = R3 | R4,
    Before4 = R1 | R2 | R3,
    All = R1 | R2 | R3 | R4,
}

/// <summary>The keys of each table of a configuration.toml, with their types, as of 1.13, 2.5.0, 3.5.0 and 4.1.0.</summary>
internal static class KataKeys
{
    private static readonly (string Table, Releases In, KeyType Type, string Keys)[] Rows =
    [
        ("hypervisor", All, Text, "path jailer_path kernel initrd image"),
        ("hypervisor", All, Text, "firmware machine_accelerators cpu_features kernel_params machine_type"),
        ("hypervisor", All, Text, "block_device_driver entropy_source shared_fs virtio_fs_daemon"),
        ("hypervisor", All, Text, "virtio_fs_cache vhost_user_store_path guest_hook_path"),
        ("hypervisor", Before4, Text, "ctlpath file_mem_backend"),
        ("hypervisor", Since2, Text, "firmware_volume guest_memory_dump_path seccompsandbox"),
        ("hypervisor", Since3, Text, "rootfs_type block_device_aio remote_hypervisor_socket"),
        ("hypervisor", Since3, Text, "hot_plug_vfio cold_plug_vfio extra_monitor_socket"),
        ("hypervisor", R4, Text, "kernel_verity_params snp_id_block snp_id_auth measurement_algo"),
        ("hypervisor", All, Texts, "valid_hypervisor_paths valid_jailer_paths valid_virtio_fs_daemon_paths virtio_fs_extra_args pflashes"),
        ("hypervisor", All, Texts, "valid_vhost_user_store_paths enable_annotations"),
        ("hypervisor", Before4, Texts, "valid_ctlpaths valid_file_mem_backends"),
        ("hypervisor", Since2, Texts, "valid_entropy_sources"),
        ("hypervisor", R4, Texts, "numa_mapping"),
        ("hypervisor", All, Flag, "block_device_cache_set block_device_cache_direct block_device_cache_noflush enable_vhost_user_store"),
        ("hypervisor", All, Flag, "disable_block_device_use enable_mem_prealloc enable_hugepages"),
        ("hypervisor", All, Flag, "enable_virtio_mem enable_iommu enable_iommu_platform"),
        ("hypervisor", All, Flag, "enable_debug disable_nesting_checks enable_iothreads disable_image_nvdimm disable_vhost_net"),
        ("hypervisor", R1, Flag, "enable_swap use_vsock"),
        ("hypervisor", R1 | R2, Flag, "hotplug_vfio_on_root_bus"),
        ("hypervisor", Since2, Flag, "guest_memory_dump_paging confidential_guest enable_guest_swap"),
        ("hypervisor", Since2, Flag, "rootless disable_seccomp disable_selinux"),
        ("hypervisor", Since2, Flag, "use_legacy_serial"),
        ("hypervisor", Since3, Flag, "sev_snp_guest disable_guest_selinux"),
        ("hypervisor", R4, Flag, "reclaim_guest_freed_memory enable_numa"),
        ("hypervisor", All, Number32, "virtio_fs_cache_size default_maxvcpus default_memory memory_slots default_bridges msize_9p"),
        ("hypervisor", Since3, Number32, "virtio_fs_queue_size remote_hypervisor_timeout vhost_user_reconnect_timeout_sec"),
        ("hypervisor", R1 | R2 | R4, Number32, "pcie_root_port"),
        ("hypervisor", R4, Number32, "pcie_switch_port tdx_quote_generation_service_socket_port hypervisor_loglevel indep_iothreads"),
        ("hypervisor", R4, Number32, "block_device_logical_sector_size block_device_physical_sector_size"),
        ("hypervisor", R1, Number32, "memory_offset"),
        ("hypervisor", Since2, Number64, "memory_offset default_maxmemory rx_rate_limiter_max_rate tx_rate_limiter_max_rate"),
        ("hypervisor", R4, Number64, "snp_guest_policy"),
        ("hypervisor", Since2, Signed64, "disk_rate_limiter_bw_max_rate disk_rate_limiter_bw_one_time_burst"),
        ("hypervisor", Since2, Signed64, "disk_rate_limiter_ops_max_rate disk_rate_limiter_ops_one_time_burst"),
        ("hypervisor", Since2, Signed64, "net_rate_limiter_bw_max_rate"),
        ("hypervisor", Since2, Signed64, "net_rate_limiter_bw_one_time_burst"),
        ("hypervisor", Since2, Signed64, "net_rate_limiter_ops_max_rate net_rate_limiter_ops_one_time_burst"),
        ("hypervisor", R1 | R2, Signed32, "default_vcpus"),
        ("hypervisor", Since3, Real32, "default_vcpus"),
        ("hypervisor", R4, Images, "guest_extension_images"),

        ("agent", All, Flag, "enable_debug enable_tracing"),
        ("agent", All, Texts, "kernel_modules"),
        ("agent", R1, Text, "trace_mode trace_type"),
        ("agent", Since2, Flag, "debug_console_enabled"),
        ("agent", Since2, Number32, "dial_timeout"),
        ("agent", R4, Number32, "cdh_api_timeout launch_process_timeout"),
        ("agent", R4, Flag, "visible_cdi_devices"),

        ("factory", All, Flag, "enable_template"),
        ("factory", All, Text, "template_path vm_cache_endpoint"),
        ("factory", All, Number64, "vm_cache_number"),

        ("runtime", All, Flag, "enable_debug enable_tracing disable_new_netns disable_guest_seccomp sandbox_cgroup_only"),
        ("runtime", All, Texts, "experimental"),
        ("runtime", All, Text, "internetworking_model"),
        ("runtime", R1, Flag, "enable_agent_pidns"),
        ("runtime", Since2, Text, "jaeger_endpoint jaeger_user jaeger_password vfio_mode"),
        ("runtime", Since2, Texts, "sandbox_bind_mounts"),
        ("runtime", Since2, Flag, "static_sandbox_resource_mgmt enable_pprof disable_guest_empty_dir"),
        ("runtime", Since3, Text, "guest_selinux_label"),
        ("runtime", Since3, Flag, "enable_vcpus_pinning"),
        ("runtime", Since3, Number64, "create_container_timeout"),
        ("runtime", R4, Text, "emptydir_mode dan_conf pod_resource_api_sock kubelet_root_dir"),
        ("runtime", R4, Flag, "experimental_force_guest_pull"),

        ("proxy", R1, Text, "path"),
        ("proxy", R1, Flag, "enable_debug"),
        ("shim", R1, Text, "path"),
        ("shim", R1, Flag, "enable_debug enable_tracing"),
        ("netmon", R1, Text, "path"),
        ("netmon", R1, Flag, "enable_debug enable_netmon"),
        ("image", R2, Text, "provision"),
        ("image", R2, Flag, "service_offload"),
    ];

    /// <summary>The tables that these versions have, each with its keys, by name in any case, as Kata's decoder takes them.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, KeyType>> Of(Releases releases) => Rows
        .Where(row => (row.In & releases) != 0)
        .GroupBy(row => row.Table)
        .ToDictionary(
            table => table.Key,
            IReadOnlyDictionary<string, KeyType> (table) => table
                .SelectMany(row => row.Keys.Split(' ').Select(key => (key, row.Type)))
                .ToDictionary(k => k.key, k => k.Type, StringComparer.OrdinalIgnoreCase),
            StringComparer.OrdinalIgnoreCase);
}
