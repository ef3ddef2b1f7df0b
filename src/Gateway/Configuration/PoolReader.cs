using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What the node says for all its pools.</summary>
internal sealed record NodeDefaults(
    TimeSpan GracePeriod, Setting<TimeSpan?> LeaseTtl, Setting<TimeSpan?> MaxLeaseTtl, TimeSpan? MaxAge, TimeSpan BootTimeout, int MaxWaiting, BackoffOptions Backoff);

/// <summary>A pool, the setting of its endpoint for checks across pools, and what it has of Kata's configuration.</summary>
internal sealed record ReadPool(PoolOptions Options, Setting<string>? Endpoint, KataSource? Kata);

/// <summary>Reads one pool from its layers.</summary>
internal sealed class PoolReader(HostFacts host, NodeDefaults node, ICollection<ConfigurationFault> faults)
{
    private static readonly Dictionary<string, AcceleratorChoice> Accelerators = new()
    {
        ["auto"] = AcceleratorChoice.Auto, ["kvm"] = AcceleratorChoice.Kvm, ["tcg"] = AcceleratorChoice.Tcg,
    };

    private static readonly Dictionary<string, RefillChoice> Refills = new()
    {
        ["auto"] = RefillChoice.Auto, ["clone"] = RefillChoice.Clone, ["boot"] = RefillChoice.Boot,
    };

    internal static readonly Dictionary<string, bool> Switches = new()
    {
        ["on"] = true, ["off"] = false, ["true"] = true, ["false"] = false, ["yes"] = true, ["no"] = false,
    };

    /// <param name="name">The pool's name.</param>
    /// <param name="section">Its settings.</param>
    /// <param name="nodeEndpoint">The default pool's endpoint; null for every other pool.</param>
    /// <param name="kata">What Kata's configuration decides; null: nothing.</param>
    public ReadPool Read(PoolName name, Section section, Setting<string>? nodeEndpoint, KataSource? kata)
    {
        var own = section.Path("endpoint", mayBeEmpty: true);
        if (own.Value.Length > 0 && nodeEndpoint is not null)
            faults.Add(own.Fault("the default pool's endpoint is vmcache.endpoint", "set vmcache.endpoint, and remove this"));
        else if (own.Value.Length > 0)
            PathRules.CheckEndpoint(own, faults);
        var endpoint = kata is not null && own.Value.Length == 0 ? KataEndpoint(kata) : nodeEndpoint ?? (own.Value.Length > 0 ? own : null);
        var spec = kata is null ? new SpecReader(host, faults).Read(name, section) : kata.Spec with { Sandbox = section.Choice("sandbox", Switches).Value };
        var refill = section.Choice("refill", Refills);
        var prime = section.Choice("prime", Switches);
        if (!prime.Value && refill.Value != RefillChoice.Boot && endpoint is not null)
            faults.Add(prime.Fault(
                "clients of this pool's socket would get clones with the same random numbers",
                "leave it on, or set refill to boot, or give the pool no endpoint: vmcache.v1 reaches it by its name"));
        var (number, shared) = VmCacheNumber(section, spec);
        var options = new PoolOptions
        {
            Name = name,
            Spec = spec,
            Accelerator = section.Choice("accelerator", Accelerators).Value,
            VmCacheNumber = number,
            Shared = shared,
            Endpoint = endpoint?.Value,
            GracePeriod = section.Time("grace-period", "inherit").Value ?? node.GracePeriod,
            Lease = Lease(section),
            HeldLimit = section.Time("held-limit", "off", "0").Value,
            Refill = refill.Value,
            Prime = prime.Value,
            TemplateMaxAge = section.Time("template-max-age", "off", "0").Value,
            MaxAge = MaxAge(section),
            BootTimeout = section.Time("boot-timeout", "inherit").Value ?? node.BootTimeout,
            MaxWaiting = node.MaxWaiting,
            Backoff = node.Backoff,
            Rollout = Rollout(section),
        };
        return new ReadPool(options, endpoint, kata);
    }

    /// <summary>The socket that Kata's clients are configured with too.</summary>
    private Setting<string> KataEndpoint(KataSource kata)
    {
        var path = kata.Configuration.Factory.VmCacheEndpoint;
        var endpoint = new Setting<string>(path, "factory.vm_cache_endpoint", path, $"file {kata.File}");
        if (PathRules.Problem(path) is { } problem) faults.Add(endpoint.Fault(problem, "give an absolute path: Kata's client dials unix:// and this"));
        else PathRules.CheckEndpoint(endpoint, faults);
        return endpoint;
    }

    private LeaseLimits Lease(Section section)
    {
        var ttl = Inherited(section.Time("lease-ttl", "inherit"), node.LeaseTtl);
        var most = Inherited(section.Time("max-lease-ttl", "inherit"), node.MaxLeaseTtl);
        if (ttl.Value < LeaseLimits.Least)
            faults.Add(ttl.Fault("no holder could renew so short a lease in time", $"give at least {LeaseLimits.Least.TotalSeconds:0} s"));
        else if (most.Value < ttl.Value)
            faults.Add(most.Fault($"it is less than {ttl.Key} ({ttl.Text})", "raise it, or lower that"));
        return new LeaseLimits(ttl.Value!.Value, most.Value!.Value);
    }

    private RolloutOptions Rollout(Section section)
    {
        var (surge, floor) = (section.Share("rollout.surge"), section.Share("rollout.floor"));
        if (surge.Value == 0 && floor.Value == 1)
            faults.Add(surge.Fault($"with {floor.Key} = {floor.Text} no VM could ever be replaced", "raise it, or lower that"));
        return new RolloutOptions(surge.Value, floor.Value, section.Time("rollout.deadline").Value!.Value);
    }

    private static Setting<TimeSpan?> Inherited(Setting<TimeSpan?> own, Setting<TimeSpan?> above) => own.Value is null ? above : own;

    private TimeSpan? MaxAge(Section section)
    {
        var age = section.Time("max-age", "inherit", "off", "0");
        return age.Text == "inherit" ? node.MaxAge : age.Value;
    }

    private static int Fitting(long hostMiB, int memory) => (int)Math.Min(int.MaxValue, hostMiB / memory);

    private (int Number, bool Shared) VmCacheNumber(Section section, VmSpec spec)
    {
        var number = section.Number("vm-cache-number", 0, 1_000_000);
        // Nobody wrote a share: it is no fault that it was dealt when there was more memory.
        if (number.Source == AppliedPool.Dealt) return (Math.Min(number.Value, Fitting(host.MemoryMiB, spec.MemoryMiB)), true);
        var needed = (long)number.Value * spec.MemoryMiB;
        if (needed > host.MemoryMiB && spec.MemoryMiB <= host.MemoryMiB)
            faults.Add(number.Fault(
                $"{number.Value} VMs of {spec.MemoryMiB} MiB need {needed} MiB; this host has {host.MemoryMiB} MiB",
                $"give at most {Fitting(host.MemoryMiB, spec.MemoryMiB)}, or make the VMs smaller"));
        return (number.Value, false);
    }
}
