namespace VmCacheCluster.Kata;

/// <summary>The kernel's command line as Kata's runtime writes it for a configuration; the configuration's own has the last word.</summary>
public static class KataKernelLine
{
    private static readonly KataParam[] Platform =
    [
        new("tsc", "reliable"), new("no_timer_check", ""), new("rcupdate.rcu_expedited", "1"), new("i8042.direct", "1"), new("i8042.dumbkbd", "1"),
        new("i8042.nopnp", "1"), new("i8042.noaux", "1"), new("noreplace-smp", ""), new("reboot", "k"), new("cryptomgr.notests", ""),
        new("net.ifnames", "0"), new("pci", "lastbus=0"),
    ];

    /// <param name="config">What the VM is.</param>
    /// <param name="first">What Kata 1.x has beside; null: it is of a later generation.</param>
    public static string Of(KataHypervisorConfig config, KataFirst? first = null) => Text(
    [
        .. Platform,
        .. config.IOMMU ? [new("intel_iommu", "on"), new KataParam("iommu", "pt")] : Array.Empty<KataParam>(),
        .. config.ImagePath.Length > 0 ? Root(config) : [],
        // Before the others, so that the console proper stays the last one: what the kernel has to say of its end is kept there.
        .. config.LegacySerial ? [new KataParam("console", "ttyS0")] : new[] { SerialRing, new("console", "hvc0"), new("console", "hvc1") },
        new(config.Debug ? "debug" : "quiet", ""),
        .. config.ImagePath.Length > 0 ? Systemd(config.Debug) : [],
        new("panic", "1"),
        .. config.ConfidentialGuest ? Array.Empty<KataParam>() : [new KataParam("nr_cpus", $"{config.DefaultMaxVCPUs}")],
        first is null ? new("selinux", config.DisableGuestSeLinux ? "0" : "1") : new("agent.use_vsock", first.UseVsock ? "true" : "false"),
        .. config.KernelParams ?? [],
    ]);

    /// <summary>What is not Kata's: the console whose last output is kept for diagnosis.</summary>
    public static KataParam SerialRing { get; } = new("console", "ttyS0");

    private static KataParam[] Root(KataHypervisorConfig config)
    {
        var plain = config.RootfsType is "xfs" or "erofs";
        var flags = plain ? "ro" : "data=ordered,errors=remount-ro ro";
        var dax = config.DisableImageNvdimm ? "" : plain ? "dax " : "dax,";
        return [new("root", config.DisableImageNvdimm ? "/dev/vda1" : "/dev/pmem0p1"), new("rootflags", dax + flags), new("rootfstype", config.RootfsType)];
    }

    private static KataParam[] Systemd(bool debug) => debug
        ? [new("systemd.show_status", "true"), new("systemd.log_level", "debug")]
        : [new("systemd.show_status", "false")];

    private static string Text(IEnumerable<KataParam> parameters) =>
        string.Join(' ', parameters.Select(p => p.Value.Length > 0 ? $"{p.Key}={p.Value}" : p.Key));
}
