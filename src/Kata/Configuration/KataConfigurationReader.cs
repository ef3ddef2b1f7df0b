using Tomlyn.Model;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>
/// Reads a configuration.toml as Kata's Go runtime does: the file, its drop-ins in config.d, defaults, limits and checks in Kata's order.
/// Where Kata ends with the first fault this one goes on and tells them all.
/// </summary>
/// <param name="host">The host it is for.</param>
/// <param name="agentOverVsock">False: guests' agents are reached over virtio-serial, and /dev/vhost-vsock is not needed.</param>
/// <param name="first">It is a configuration of Kata 1.x, where the file says itself how agents are reached.</param>
/// <param name="client">Which client of Kata 1.x reads it; null: the one that the file is for.</param>
public sealed class KataConfigurationReader(IKataHost host, bool agentOverVsock = true, bool first = false, KataFirstClient? client = null)
{
    private const string Qemu = "qemu";

    /// <summary>Keys that Kata has for other hypervisors: in QEMU's table they are ignored by everybody.</summary>
    private static readonly HashSet<string> OfOthers = new(StringComparer.Ordinal)
    {
        "jailer_path", "valid_jailer_paths", "ctlpath", "valid_ctlpaths", "disable_seccomp", "remote_hypervisor_socket", "remote_hypervisor_timeout",
        "disk_rate_limiter_bw_max_rate", "disk_rate_limiter_bw_one_time_burst", "disk_rate_limiter_ops_max_rate", "disk_rate_limiter_ops_one_time_burst",
        "net_rate_limiter_bw_max_rate", "net_rate_limiter_bw_one_time_burst", "net_rate_limiter_ops_max_rate", "net_rate_limiter_ops_one_time_burst",
    };

    private static readonly HashSet<string> None = [];
    private static readonly string[] OtherHypervisors = ["clh", "firecracker", "stratovirt", "dragonball", "remote", "acrn"];

    public KataConfigurationResult Read(string path)
    {
        if (host.Resolve(path) is not { } resolved)
            return Failed(new KataFault(path, "", "", $"Cannot find usable config file (file {path} does not exist)", "name the configuration.toml that Kata's runtime uses"));
        List<KataFault> mistyped = [], applied = [], faults = [];
        var file = new TomlFile(resolved);
        if (Add(file, resolved) is { } broken) return Failed(broken);
        var dropIns = Path.Combine(Path.GetDirectoryName(resolved)!, "config.d");
        foreach (var dropIn in host.DropIns(dropIns))
        {
            if (Add(file, dropIn) is { } fault) applied.Add(fault with { Text = $"error decoding file \"{dropIn}\": {fault.Text}" });
        }

        var configuration = Read(file, mistyped, applied, faults);
        KataFault[] all = [.. mistyped.Select(f => f.File == resolved ? f : f with { Text = $"error decoding file \"{f.File}\": {f.Text}" }), .. applied, .. faults];
        return all.Length > 0 ? new KataConfigurationResult(null, [.. all.Distinct()]) : new KataConfigurationResult(configuration, []);
    }

    private KataConfiguration? Read(TomlFile file, List<KataFault> mistyped, List<KataFault> applied, List<KataFault> faults)
    {
        var runtime = new TomlSection(Table(file.Root, "runtime"), "runtime", file, mistyped);
        var factory = new TomlSection(Table(file.Root, "factory"), "factory", file, mistyped);
        var agents = Table(file.Root, "agent");
        var agentTable = Table(agents, "kata") ?? Table(file.Root, "agent")?.Values.OfType<TomlTable>().LastOrDefault();
        var agent = new TomlSection(agentTable, "agent.kata", file, mistyped);
        RuntimeChecks.Before(runtime, faults);
        var hypervisors = Table(file.Root, "hypervisor") ?? [];
        if (Hypervisor(hypervisors, file, factory, faults) is not { } name) return null;

        var section = new TomlSection(Table(hypervisors, name), $"hypervisor.{name}", file, mistyped);
        var parts = first ? FirstTables.Read(file, section, agents, agent, client, host.HasVhostVsock, mistyped, faults) : null;
        var config = new QemuTable(section, host, parts?.UseVsock ?? agentOverVsock, faults, first).Read();
        var agentConfig = parts is null ? Agent(agent, agentTable is not null) : FirstTables.Agent(parts, agent);
        applied.AddRange(section.UnknownOf(OfOthers).Concat(agent.UnknownOf(None)).Where(f => f.File != file.Path).Select(NotApplied));
        var forAgent = parts is null ? KernelParams(agentConfig) : FirstTables.KernelParams(parts, agentConfig);
        config = config with { KernelParams = KernelParams(config, forAgent) };
        var made = Factory(factory);
        RuntimeChecks.After(runtime, section, factory, config, made, host, faults);
        var vm = new KataVmConfig { AgentConfig = agentConfig, HypervisorConfig = config, First = parts };
        var ignored = section.UnknownOf(OfOthers).Concat(agent.UnknownOf(None)).Select(Ignored);
        return new KataConfiguration(vm, made, [.. ignored, .. NoVsock(section, parts), .. RuntimeChecks.Warnings(config, host)]);
    }

    private KataFault? Add(TomlFile file, string path)
    {
        try
        {
            return file.Add(path, host.Read(path, TomlFile.MostBytes + 1));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new KataFault(path, "", "", $"open {path}: {fault.Message}", "make it readable");
        }
    }

    /// <returns>Null when it is none that we can serve, which is a fault then.</returns>
    private static string? Hypervisor(TomlTable hypervisors, TomlFile file, TomlSection factory, List<KataFault> faults)
    {
        foreach (var name in hypervisors.Keys.Where(k => k != Qemu && !OtherHypervisors.Contains(k)))
            faults.Add(new KataFault(file.Path, $"hypervisor.{name}", "", $"{file.Path}: configuration file contains invalid hypervisor section: \"{name}\"", "this server makes QEMU's VMs: [hypervisor.qemu]"));
        if (hypervisors.ContainsKey(Qemu)) return Qemu;
        if (faults.Count > 0) return null;
        var other = hypervisors.Keys.FirstOrDefault();
        faults.Add(factory.Number("vm_cache_number") > 0
            ? factory.Fault("vm_cache_number", "VM cache just support qemu", "use a configuration with [hypervisor.qemu]")
            : new KataFault(file.Path, other is null ? "" : $"hypervisor.{other}", "",
                other is null ? "there is no table [hypervisor.qemu]" : $"the configuration is for {other}, and VMs of QEMU alone are cached", "use a configuration with [hypervisor.qemu]"));
        return null;
    }

    private static KataAgentConfig Agent(TomlSection agent, bool present) => new()
    {
        KernelModules = agent.List("kernel_modules"),
        DialTimeout = agent.Number("dial_timeout"),
        CdhApiTimeout = agent.Number("cdh_api_timeout"),
        LaunchProcessTimeout = agent.Number("launch_process_timeout"),
        LongLiveConn = present,
        Debug = agent.Flag("enable_debug"),
        Trace = agent.Flag("enable_tracing"),
        EnableDebugConsole = agent.Flag("debug_console_enabled"),
        VisibleCdiDevices = agent.Flag("visible_cdi_devices"),
    };

    private static KataFactorySettings Factory(TomlSection factory) => new(
        (int)Math.Min(factory.Number("vm_cache_number"), int.MaxValue),
        factory.Text("vm_cache_endpoint", "/var/run/kata-containers/cache.sock"),
        factory.Flag("enable_template"),
        factory.Text("template_path", "/run/vc/vm/template"));

    /// <summary>What the image and the agent need comes first, so that the user's own have the last word.</summary>
    private static IReadOnlyList<KataParam> KernelParams(KataHypervisorConfig config, IEnumerable<KataParam> agent)
    {
        List<KataParam> all = [];
        if (config.ImagePath.Length > 0)
        {
            all.Add(new("systemd.unit", "kata-containers.target"));
            all.Add(new("systemd.mask", "systemd-networkd.service"));
            all.Add(new("systemd.mask", "systemd-networkd.socket"));
        }

        if (config.BlockDeviceDriver == "virtio-scsi") all.Add(new("scsi_mod.scan", "none"));
        return [.. all, .. agent, .. config.KernelParams ?? []];
    }

    private static IEnumerable<KataParam> KernelParams(KataAgentConfig agent)
    {
        if (agent.Debug) yield return new("agent.log", "debug");
        if (agent.Trace) yield return new("agent.trace", "true");
        if (agent.EnableDebugConsole)
        {
            yield return new("agent.debug_console", "");
            yield return new("agent.debug_console_vport", "1026");
        }

        // Of Kata 4 alone; what an older client does not know it is not sent.
        if (agent.CdhApiTimeout > 0) yield return KataWire.CdhApiTimeout(agent);
        if (agent.LaunchProcessTimeout > 0) yield return KataWire.LaunchProcessTimeout(agent);
    }

    private static string[] NoVsock(TomlSection hypervisor, KataFirst? parts) =>
        parts is { UseVsock: false } && hypervisor.Flag("use_vsock")
            ? ["use_vsock is set and this host has no /dev/vhost-vsock: agents are reached over virtio-serial, as Kata 1.x does then"] : [];

    private static string Ignored(KataFault unknown) => $"{unknown.Key} is no key of Kata's: it is ignored, as Kata ignores it";

    /// <summary>In a drop-in Kata does not ignore it.</summary>
    private static KataFault NotApplied(KataFault unknown)
    {
        var key = unknown.Key[(unknown.Key.LastIndexOf('.') + 1)..];
        return unknown with
        {
            Text = $"error applying key '{unknown.Key}' from drop-in file \"{unknown.File}\": error getting key \"{key}\" from a decoded drop-in conf file: key \"{key}\" not found",
            Remedy = "correct the key, or take it out",
        };
    }

    private static TomlTable? Table(TomlTable? table, string name) => table is not null && table.TryGetValue(name, out var value) ? value as TomlTable : null;

    private static KataConfigurationResult Failed(KataFault fault) => new(null, [fault]);
}
