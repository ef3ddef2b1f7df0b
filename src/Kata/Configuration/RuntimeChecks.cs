namespace VmCacheCluster.Kata.Configuration;

/// <summary>What Kata's loader checks before and after the hypervisor's table, in its order.</summary>
internal static class RuntimeChecks
{
    private const long MiB = 1024 * 1024;
    private const string NoPort = "no-port";
    private static readonly string[] NetworkModels = ["default", "macvtap", "tcfilter", "none"];
    private static readonly string[] VfioModes = ["vfio", "guest-kernel"];
    private static readonly string[] Ports = ["bridge-port", "root-port", "switch-port"];

    public static void Before(KataSection runtime, List<KataFault> faults)
    {
        if (runtime.Text("internetworking_model") is { Length: > 0 } model && !NetworkModels.Contains(model))
            faults.Add(runtime.Fault("internetworking_model", $"Unknown type {model}", "use macvtap, tcfilter or none"));
        if (runtime.Text("vfio_mode") is { Length: > 0 } mode && !VfioModes.Contains(mode))
            faults.Add(runtime.Fault("vfio_mode", $"Unknown VFIO mode {mode}", "use vfio or guest-kernel"));
    }

    public static void After(
        KataSection runtime, KataSection hypervisor, KataSection factory, KataHypervisorConfig config, KataFactorySettings made, KataRules rules, IKataHost host, List<KataFault> faults)
    {
        foreach (var feature in runtime.List("experimental") ?? [])
            faults.Add(runtime.Fault("experimental", $"Unsupported experimental feature \"{feature}\"", "leave it out"));
        BindMounts(runtime, host, faults);
        if (runtime.Flag("disable_new_netns") && runtime.Text("internetworking_model") != "none")
            faults.Add(runtime.Fault("disable_new_netns", "config disable_new_netns only works with 'none' internetworking_model", "set internetworking_model to \"none\""));
        Images(hypervisor, config, host, faults);
        if (rules.TemplateNeedsInitrd && made.EnableTemplate && config.InitrdPath.Length == 0)
            faults.Add(factory.Fault("enable_template", "Factory option enable_template requires an initrd image", "set initrd instead of image; this server makes templates of both without it (refill)"));
        PciePorts(hypervisor, config, faults);
        if (rules.IsFourth) FourthTables.Check(runtime, hypervisor, config, faults);
        Valid(hypervisor, config, faults);
    }

    public static IEnumerable<string> Warnings(KataHypervisorConfig config, IKataHost host)
    {
        if (IsThere(config.ImagePath, host) && host.SizeOf(config.ImagePath) is { } bytes && bytes > MiB && bytes / MiB >= config.MemorySize) yield return TooSmall(config, config.ImagePath, bytes);
        if (config.SnpGuestPolicy is not null) yield return "snp_guest_policy is set: no client of Kata 4 takes such a VM, since it compares pointers";
    }

    private static void BindMounts(KataSection runtime, IKataHost host, List<KataFault> faults)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var mount in runtime.List("sandbox_bind_mounts") ?? [])
        {
            if (host.Resolve(mount) is not { } resolved)
                faults.Add(runtime.Fault("sandbox_bind_mounts", $"sandbox-bindmounts: Failed to resolve path: {mount}: file {mount} does not exist", "name what is there"));
            else if (!names.Add(Path.GetFileName(resolved)))
                faults.Add(runtime.Fault("sandbox_bind_mounts", $"sandbox-bindmounts: File {resolved} has base that matches already specified bindmount", "give each another name"));
        }
    }

    private static void Images(KataSection hypervisor, KataHypervisorConfig config, IKataHost host, List<KataFault> faults)
    {
        foreach (var (key, path) in new[] { ("image", config.ImagePath), ("initrd", config.InitrdPath) })
        {
            if (!IsThere(path, host)) continue;
            if (host.SizeOf(path) is not { } bytes)
                faults.Add(hypervisor.Fault(key, $"\"{path}\" is no file", "name the file itself"));
            else if (bytes == 0) faults.Add(hypervisor.Fault(key, $"image \"{path}\" is empty", "install it anew"));
            else if (key == "initrd" && bytes > MiB && bytes / MiB >= config.MemorySize)
                faults.Add(hypervisor.Fault(key, TooSmall(config, path, bytes), "raise default_memory: an initrd is read into memory as a whole"));
        }
    }

    private static void PciePorts(KataSection hypervisor, KataHypervisorConfig config, List<KataFault> faults)
    {
        var (hot, cold) = (config.HotPlugVFIO, config.ColdPlugVFIO);
        // Each with the other's value, as Kata says it.
        if (hot != NoPort && cold != NoPort)
            faults.Add(hypervisor.Fault("hot_plug_vfio", $"invalid hot-plug={cold} and cold-plug={hot} settings, only one of them can be set", "set one of hot_plug_vfio and cold_plug_vfio"));
        else if (config.HypervisorMachineType is "q35" or "virt" && (hot != NoPort || cold != NoPort) && !Ports.Contains(hot != NoPort ? hot : cold))
            // With the other key's value, as Kata says it.
            faults.Add(hypervisor.Fault(hot != NoPort ? "hot_plug_vfio" : "cold_plug_vfio", $"invalid vfio_port={cold} setting, allowed values {NoPort}, {string.Join(", ", Ports)}", "use one of these"));
    }

    /// <summary>What Kata checks not when it loads a configuration but before it makes a VM of it.</summary>
    private static void Valid(KataSection hypervisor, KataHypervisorConfig config, List<KataFault> faults)
    {
        if (config.ImagePath.Length > 0 && config.InitrdPath.Length > 0)
            faults.Add(hypervisor.Fault("initrd", "Image and initrd path cannot be both set", "set one of image and initrd"));
        else if (config.ImagePath.Length == 0 && config.InitrdPath.Length == 0)
            faults.Add(hypervisor.Fault("image", "Missing image and initrd path", "set one of image and initrd"));
    }

    private static bool IsThere(string path, IKataHost host) => path.Length > 0 && host.Resolve(path) is not null;

    private static string TooSmall(KataHypervisorConfig config, string path, long bytes)
        => $"VM memory ({config.MemorySize}MB) smaller than image \"{path}\" size ({bytes / MiB}MB)";
}
