using VmCacheCluster.Domain;
using VmCacheCluster.Hypervisor.Qemu;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Flag over environment over file over default; every fault at once.</summary>
public static class ConfigurationLoader
{
    /// <summary>Where Kata's client looks for a VM's console, share and sockets.</summary>
    private const string KataClientDirectory = "/run/vc/vm";

    /// <param name="flags">The command line.</param>
    /// <param name="environment">The environment's variables.</param>
    /// <param name="host">What the configuration depends on of the host.</param>
    /// <param name="kata">The host as Kata sees it; null: this one.</param>
    /// <param name="applied">Pools that come from elsewhere than the file, which has the last word on them.</param>
    public static ConfigurationResult Load(
        CommandLineValues flags, IReadOnlyDictionary<string, string> environment, HostFacts host, IKataHost? kata = null, IReadOnlyList<AppliedPool>? applied = null)
    {
        var faults = new List<ConfigurationFault>();
        var reference = ConfigurationFile.Reference();
        var overrides = new Overrides(flags, environment);
        var (file, source) = ConfigurationFile.Read(overrides.ConfigFile, host.DefaultFile, environment, faults);
        UnknownKeys.Find(file, reference, source, faults);

        var section = new Section(
            [.. overrides.OfNode, new Layer(file["vmcache"], "vmcache", source), new Layer(reference["vmcache"], "vmcache", "reference.conf")],
            faults);
        var endpoint = section.Path("endpoint");
        PathRules.CheckEndpoint(endpoint, faults);
        var runDirectory = section.Path("run-dir");
        PathRules.CheckSocket(runDirectory, QemuPaths.LongestSocketOfRun(runDirectory.Value), faults);
        var reader = new PoolReader(host, Defaults(section, faults), faults);
        var pools = ReadPools(file, reference, source, overrides, endpoint, reader, new KataSourceReader(() => kata ?? new LinuxKataHost(), new TransportReader(host, faults), faults), applied ?? [], faults);
        CheckTogether(pools, host, faults);
        var katas = pools.Where(p => p.Kata is not null).ToDictionary(p => p.Options.Name, p => p.Kata!);

        var clientDirectory = section.Path("client-dir", mayBeEmpty: true);
        if (clientDirectory.Value.Length == 0)
            clientDirectory = runDirectory with { Value = katas.Count > 0 ? KataClientDirectory : Path.Combine(runDirectory.Value, "client") };
        PathRules.CheckSocket(clientDirectory, QemuPaths.LongestSocketOfClient(clientDirectory.Value), faults);

        var templateDirectory = section.Path("template-dir", mayBeEmpty: true);
        if (templateDirectory.Value.Length == 0)
            templateDirectory = runDirectory with { Value = TemplatesOf(katas) ?? Path.Combine(runDirectory.Value, "templates") };

        var network = new NetworkReader(host, faults);
        var cluster = network.Cluster(
            new Section([.. overrides.OfCluster, new Layer(file["vmcache.cluster"], "vmcache.cluster", source), new Layer(reference["vmcache.cluster"], "vmcache.cluster", "reference.conf")], faults),
            overrides.Bootstrap);
        var gateway = network.Gateway(
            new Section([new Layer(file["vmcache.gateway"], "vmcache.gateway", source), new Layer(reference["vmcache.gateway"], "vmcache.gateway", "reference.conf")], faults),
            cluster);

        var options = new NodeOptions
        {
            StateDirectory = section.Path("state-dir").Value,
            Cluster = cluster,
            Gateway = gateway,
            Endpoint = endpoint.Value,
            RunDirectory = runDirectory.Value,
            ClientDirectory = clientDirectory.Value,
            TemplateDirectory = templateDirectory.Value,
            Templates = new TemplateLimits(section.Time("template-keep").Value!.Value, section.MiB("template-max-size", 0, "off").Value * 1024L * 1024),
            BootParallelism = section.Number("boot-parallelism", 1, 1024, "auto", Math.Max(2, host.Cores / 2)).Value,
            Memory = new MemoryLimits(section.MiBOf("memory-reserve", host.MemoryMiB).Value << 20, section.Share("memory-pressure", "off").Value),
            Proof = ProofOf(section, faults),
            Users = new UsersReader(host, faults).Of(section),
            ControlGroup = section.Path("control-group", mayBeEmpty: true).Value is { Length: > 0 } group ? group : null,
            Connections = new ConnectionLimits(
                section.Number("max-connections", 1, 1_000_000).Value, section.Number("max-network-connections", 1, 1_000_000).Value),
            Stop = new StopDeadlines(
                section.Time("stop.quit").Value!.Value, section.Time("stop.term").Value!.Value, section.Time("stop.kill").Value!.Value),
            Pools = [.. pools.Select(p => p.Options)],
        };
        // One line in pool-defaults is read once for every pool.
        return faults.Count > 0 ? new ConfigurationResult(null, [.. faults.Distinct()]) : new ConfigurationResult(options, [])
        {
            Kata = katas.ToDictionary(k => k.Key, k => Served(k.Value, options)),
            Warnings = [.. katas.SelectMany(k => k.Value.Warnings.Select(w => (k.Key, w)))],
        };
    }

    /// <summary>Where Kata's client finds console and share; it does not compare the two. Asked for its own 3.5 it gets what that sends.</summary>
    private static KataServed Served(KataSource kata, NodeOptions options)
    {
        var vm = kata.Configuration.Vm;
        return new KataServed(
            kata.Target == Kata.KataTarget.Kata35 ? vm
                : vm with { HypervisorConfig = vm.HypervisorConfig with { VMStorePath = options.ClientDirectory, RunStorePath = "/run/vc/sbs" } },
            kata.Target);
    }

    private static string? TemplatesOf(Dictionary<PoolName, KataSource> katas) =>
        katas.TryGetValue(PoolName.Default, out var kata) && kata.Configuration.Factory.EnableTemplate ? kata.Configuration.Factory.TemplatePath : null;

    private static NodeDefaults Defaults(Section section, List<ConfigurationFault> faults)
    {
        var initial = section.Time("backoff.initial");
        var max = section.Time("backoff.max");
        if (max.Value < initial.Value)
            faults.Add(max.Fault($"it is less than backoff.initial ({initial.Text})", "raise it"));
        return new NodeDefaults(
            section.Time("grace-period").Value!.Value,
            section.Time("lease-ttl"),
            section.Time("max-lease-ttl"),
            section.Time("max-age", "off", "0").Value,
            section.Time("boot-timeout").Value!.Value,
            section.Number("max-waiting", 0, 1_000_000).Value,
            new BackoffOptions(initial.Value!.Value, max.Value!.Value, section.Fraction("backoff.jitter").Value));
    }

    private static ProofOptions ProofOf(Section section, List<ConfigurationFault> faults)
    {
        const string first = "kvm-proof.kernel-limit", whole = "kvm-proof.agent-limit", initial = "kvm-proof.retry.initial", max = "kvm-proof.retry.max";
        return new ProofOptions(new ProofLimits(section.Time(first).Value!.Value, AtLeast(whole, first)), section.Time(initial).Value!.Value, AtLeast(max, initial));

        TimeSpan AtLeast(string key, string least)
        {
            var (larger, smaller) = (section.Time(key), section.Time(least));
            if (larger.Value < smaller.Value) faults.Add(larger.Fault($"it is less than {least} ({smaller.Text})", "raise it"));
            return larger.Value!.Value;
        }
    }

    private static List<ReadPool> ReadPools(
        ConfigNode file, ConfigNode reference, string source, Overrides overrides, Setting<string> endpoint,
        PoolReader reader, KataSourceReader kataReader, IReadOnlyList<AppliedPool> applied, List<ConfigurationFault> faults)
    {
        var named = file["vmcache.pools"]?.Children ?? new Dictionary<string, ConfigNode>();
        var pools = new List<ReadPool>();
        foreach (var text in named.Keys.Concat(applied.Select(a => a.Name.Value)).Prepend(PoolName.Default.Value).Distinct())
        {
            if (!PoolName.TryParse(text, out var name))
            {
                faults.Add(new ConfigurationFault(
                    $"vmcache.pools.{text}", "", "it is not a pool's name", source,
                    "use 1 to 63 of a-z, 0-9 and \"-\", beginning with a letter or digit"));
                continue;
            }
            var isDefault = name == PoolName.Default;
            Layer[] strong =
            [
                .. isDefault ? overrides.OfDefaultPool : [],
                new Layer(named.GetValueOrDefault(text), $"vmcache.pools.{text}", source),
                .. applied.FirstOrDefault(a => a.Name == name)?.Layers(faults) ?? [],
                new Layer(file["vmcache.pool-defaults"], "vmcache.pool-defaults", source),
            ];
            var last = new Layer(reference["vmcache.pool-defaults"], "vmcache.pool-defaults", "reference.conf");
            var kata = kataReader.Read(name, new Section([.. strong, last], faults), named.GetValueOrDefault(text), source);
            var section = new Section([.. strong, .. kata?.Layers ?? [], last], faults);
            pools.Add(reader.Read(name, section, isDefault ? endpoint : null, kata));
        }
        return pools;
    }

    private static void CheckTogether(List<ReadPool> pools, HostFacts host, List<ConfigurationFault> faults)
    {
        foreach (var same in pools.Where(p => p.Endpoint is not null).GroupBy(p => p.Endpoint!.Value).Where(g => g.Count() > 1))
            faults.Add(same.Last().Endpoint!.Fault(
                $"the pools {string.Join(" and ", same.Select(p => p.Options.Name))} have one endpoint", "give each pool its own"));
        var needed = pools.Where(p => !p.Options.Shared).Select(p => (long)p.Options.VmCacheNumber * p.Options.Spec.MemoryMiB).ToList();
        if (needed.Sum() > host.MemoryMiB && needed.All(n => n <= host.MemoryMiB))
            faults.Add(new ConfigurationFault(
                "vmcache.pools", "", $"all pools' warm VMs need {needed.Sum()} MiB; this host has {host.MemoryMiB} MiB",
                "vm-cache-number and memory of " + string.Join(", ", pools.Select(p => p.Options.Name)), "lower vm-cache-number or memory"));
    }
}
