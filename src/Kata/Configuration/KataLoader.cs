using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>Makes a configuration of what was decoded, with the checks of one version of Kata's loader in its order.</summary>
/// <param name="client">Which client of Kata 1.x reads it; null: the one that the file is for.</param>
internal sealed class KataLoader(KataRules rules, IKataHost host, bool agentOverVsock, KataFirstClient? client)
{
    private const string Qemu = "qemu", Use = "use a configuration with [hypervisor.qemu]";

    /// <param name="faults">Gets what is wrong.</param>
    /// <returns>Null when nothing can be made of it, which is a fault then.</returns>
    public KataConfiguration? Load(KataDecoder decoded, string file, List<KataFault> faults)
    {
        var (runtime, factory) = (decoded.Section("runtime"), decoded.Section("factory"));
        RuntimeChecks.Before(runtime, faults);
        if (!HasQemu(decoded, file, factory, faults)) return null;

        var agents = decoded.Names("agent").ToList();
        Single(decoded, agents, "agent", faults);
        var agent = decoded.Section($"agent.{(agents.Contains("kata") ? "kata" : agents.LastOrDefault() ?? "kata")}");
        var section = decoded.Section($"hypervisor.{Qemu}");
        var parts = rules.IsFirst ? FirstTables.Read(
            section, agents, agent, decoded.Section("proxy.kata"), decoded.Names("proxy").Contains("kata"), client, host.HasVhostVsock, faults) : null;
        var config = new QemuTable(section, host, parts?.UseVsock ?? agentOverVsock, faults, rules).Read();
        var agentConfig = parts is null ? Agent(agent, agents.Count > 0) : FirstTables.Agent(parts, agent);
        var forAgent = parts is null ? KernelParams(agentConfig) : FirstTables.KernelParams(parts, agentConfig);
        if (config.KernelParams!.Any(p => p.Key.Length == 0))
            faults.Add(section.Fault("kernel_params", "Empty kernel parameter", "write a name before each ="));
        config = config with { KernelParams = KernelParams(config, forAgent) };
        var made = Factory(factory, faults);
        RuntimeChecks.After(runtime, section, factory, config, made, rules, host, faults);
        var vm = new KataVmConfig { AgentConfig = agentConfig, HypervisorConfig = config, First = parts };
        string[] warnings =
        [
            .. decoded.Warnings, .. QemuTable.Negative(section), .. NotTold(section), .. NoVsock(section, parts), .. RuntimeChecks.Warnings(config, host),
        ];
        return new KataConfiguration(vm, made, warnings);
    }

    /// <summary>A field of 2.5 that no answer of ours has.</summary>
    private IEnumerable<string> NotTold(KataSection section)
    {
        if (rules == KataRules.Kata25 && section.Flag("hotplug_vfio_on_root_bus"))
            yield return "hotplug_vfio_on_root_bus is not told to clients of Kata 2.5: they boot VMs of their own";
    }

    /// <summary>Kata uses one table of many, and not always the same.</summary>
    private static void Single(KataDecoder decoded, List<string> names, string table, List<KataFault> faults)
    {
        if (names.Count < 2) return;
        var shown = Printable.OneLine(string.Join(", ", names.Select(n => $"[{table}.{n}]")));
        var last = decoded.Section($"{table}.{names[^1]}");
        var said = $"there are {shown}, and it is left to chance which of them Kata uses";
        faults.Add(new KataFault(last.File, Printable.OneLine(last.Name), "", said, "keep one of them") { Line = last.Line });
    }

    private bool HasQemu(KataDecoder decoded, string file, KataSection factory, List<KataFault> faults)
    {
        var names = decoded.Names("hypervisor").ToList();
        foreach (var name in names.Where(k => k != Qemu && !rules.OtherHypervisors.Contains(k)))
        {
            var text = $"{file}: configuration file contains invalid hypervisor section: \"{Printable.OneLine(name)}\"";
            Add($"hypervisor.{name}", text, "this server makes QEMU's VMs: [hypervisor.qemu]");
        }

        Single(decoded, [.. names.Where(n => n == Qemu || rules.OtherHypervisors.Contains(n))], "hypervisor", faults);
        if (names.Contains(Qemu)) return true;
        if (faults.Count > 0) return false;
        if (factory.Long("vm_cache_number") > 0) faults.Add(factory.Fault("vm_cache_number", "VM cache just support qemu", Use));
        else if (names.Count == 0) Add("", "there is no table [hypervisor.qemu]", Use);
        else Add($"hypervisor.{names[0]}", $"the configuration is for {names[0]}, and VMs of QEMU alone are cached", Use);
        return false;

        void Add(string table, string text, string remedy)
        {
            var section = decoded.Section(table);
            faults.Add(new KataFault(section.File, Printable.OneLine(table), "", text, remedy) { Line = section.Line });
        }
    }

    private static KataAgentConfig Agent(KataSection agent, bool present) => new()
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

    private static KataFactorySettings Factory(KataSection factory, List<KataFault> faults)
    {
        var number = factory.Long("vm_cache_number");
        if (number > long.MaxValue)
        {
            var text = $"a number below 0 is read as {number} by Kata, and so many VMs cannot be kept";
            faults.Add(factory.Fault("vm_cache_number", text, "give the number of VMs to keep warm, or 0 for none"));
        }

        return new KataFactorySettings(
            (int)Math.Min(number, int.MaxValue),
            factory.Text("vm_cache_endpoint", "/var/run/kata-containers/cache.sock"),
            factory.Flag("enable_template"),
            factory.Text("template_path", "/run/vc/vm/template"));
    }

    private static string[] NoVsock(KataSection hypervisor, KataFirst? parts) =>
        parts is { UseVsock: false } && hypervisor.Flag("use_vsock")
            ? ["use_vsock is set and this host has no /dev/vhost-vsock: agents are reached over virtio-serial, as Kata 1.x does then"] : [];

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
        if (agent.VisibleCdiDevices) yield return KataWire.VisibleCdiDevices;
    }
}
