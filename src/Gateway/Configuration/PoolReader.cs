using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>What the node says for all its pools.</summary>
internal sealed record NodeDefaults(
    TimeSpan GracePeriod, Setting<TimeSpan?> LeaseTtl, Setting<TimeSpan?> MaxLeaseTtl, TimeSpan? MaxAge, TimeSpan BootTimeout, int MaxWaiting, BackoffOptions Backoff);

/// <summary>A pool, and the setting of its endpoint for checks across pools.</summary>
internal sealed record ReadPool(PoolOptions Options, Setting<string>? Endpoint);

/// <summary>Reads one pool from its layers.</summary>
internal sealed class PoolReader(HostFacts host, NodeDefaults node, ICollection<ConfigurationFault> faults)
{
    /// <summary>The kernel's COMMAND_LINE_SIZE on x86, without the final zero.</summary>
    private const int CommandLineBytes = 2047;

    private const string Auto = "auto";

    private static readonly Dictionary<string, MachineType> Machines = new() { ["q35"] = MachineType.Q35, ["pc"] = MachineType.Pc };

    private static readonly Dictionary<string, AcceleratorChoice> Accelerators = new()
    {
        ["auto"] = AcceleratorChoice.Auto, ["kvm"] = AcceleratorChoice.Kvm, ["tcg"] = AcceleratorChoice.Tcg,
    };

    private static readonly Dictionary<string, RefillChoice> Refills = new()
    {
        ["auto"] = RefillChoice.Auto, ["clone"] = RefillChoice.Clone, ["boot"] = RefillChoice.Boot,
    };

    private static readonly Dictionary<string, bool> Switches = new()
    {
        ["on"] = true, ["off"] = false, ["true"] = true, ["false"] = false, ["yes"] = true, ["no"] = false,
    };

    /// <param name="name">The pool's name.</param>
    /// <param name="section">Its settings.</param>
    /// <param name="nodeEndpoint">The default pool's endpoint; null for every other pool.</param>
    public ReadPool Read(PoolName name, Section section, Setting<string>? nodeEndpoint)
    {
        var own = section.Path("endpoint", mayBeEmpty: true);
        if (own.Value.Length > 0 && nodeEndpoint is not null)
            faults.Add(own.Fault("the default pool's endpoint is vmcache.endpoint", "set vmcache.endpoint, and remove this"));
        else if (own.Value.Length > 0)
            PathRules.CheckEndpoint(own, faults);
        var endpoint = nodeEndpoint ?? (own.Value.Length > 0 ? own : null);
        var spec = Spec(name, section);
        var refill = section.Choice("refill", Refills);
        var prime = section.Choice("prime", Switches);
        if (!prime.Value && refill.Value != RefillChoice.Boot && endpoint is not null)
            faults.Add(prime.Fault(
                "clients of this pool's socket would get clones with the same random numbers",
                "leave it on, or set refill to boot, or give the pool no endpoint: vmcache.v1 reaches it by its name"));
        var options = new PoolOptions
        {
            Name = name,
            Spec = spec,
            Accelerator = section.Choice("accelerator", Accelerators).Value,
            VmCacheNumber = VmCacheNumber(section, spec),
            Endpoint = endpoint?.Value,
            GracePeriod = section.Time("grace-period", "inherit").Value ?? node.GracePeriod,
            Lease = Lease(section),
            Refill = refill.Value,
            Prime = prime.Value,
            TemplateMaxAge = section.Time("template-max-age", "off", "0").Value,
            MaxAge = MaxAge(section),
            BootTimeout = section.Time("boot-timeout", "inherit").Value ?? node.BootTimeout,
            MaxWaiting = node.MaxWaiting,
            Backoff = node.Backoff,
        };
        return new ReadPool(options, endpoint);
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

    private static Setting<TimeSpan?> Inherited(Setting<TimeSpan?> own, Setting<TimeSpan?> above) => own.Value is null ? above : own;

    private TimeSpan? MaxAge(Section section)
    {
        var age = section.Time("max-age", "inherit", "off", "0");
        return age.Text == "inherit" ? node.MaxAge : age.Value;
    }

    private VmSpec Spec(PoolName name, Section section)
    {
        var cpus = section.Number("cpus", 1, 240);
        var maxCpus = section.Number("max-cpus", 1, 240, Auto, Math.Max(cpus.Value, Math.Min(host.Cores, 240)));
        var sane = Math.Min(240, Math.Max(16, host.Cores * 8));
        if (cpus.Value > maxCpus.Value)
            faults.Add(cpus.Fault($"it is more than max-cpus ({maxCpus.Value})", $"raise {maxCpus.Key}, or lower this"));
        else if (maxCpus.Value > sane)
            faults.Add((maxCpus.Text == Auto ? cpus : maxCpus).Fault(
                $"{maxCpus.Value} vCPUs are absurd on a host of {host.Cores} cores", $"give at most {sane}"));
        var memory = section.MiB("memory", 64);
        var slots = section.Number("memory-slots", 0, 256);
        var maxMemory = section.MiB("max-memory", 64, Auto);
        CheckHotPlug(memory, slots, maxMemory);
        var guest = new GuestReader(host, faults).Read(section);
        return new VmSpec
        {
            Pool = name,
            Machine = section.Choice("machine", Machines).Value,
            CpuModel = section.TextOf(
                "cpu-model", c => char.IsAsciiLetterOrDigit(c) || "_-.,=+".Contains(c), "give a model as QEMU's -cpu takes it").Value,
            Cpus = cpus.Value,
            MaxCpus = maxCpus.Value,
            MemoryMiB = memory.Value!.Value,
            MemorySlots = slots.Value,
            MaxMemoryMiB = maxMemory.Value ?? (slots.Value == 0 ? memory.Value.Value : Math.Max(memory.Value.Value, Reachable(host.MemoryMiB))),
            Qemu = section.Path("qemu").Value,
            Kernel = guest.Kernel,
            Initrd = guest.Initrd,
            Image = guest.Image,
            KernelParameters = KernelParameters(section),
            EntropySource = section.Path("entropy-source").Value,
            RootPorts = section.Number("root-ports", 0, 16).Value,
            Sandbox = section.Choice("sandbox", Switches).Value,
        };
    }

    private void CheckHotPlug(Setting<int?> memory, Setting<int> slots, Setting<int?> maxMemory)
    {
        if (maxMemory.Value < memory.Value)
            faults.Add(maxMemory.Fault($"it is less than memory ({memory.Text})", "raise it, or leave it to auto"));
        if (slots.Value == 0 && maxMemory.Value > memory.Value)
            faults.Add(maxMemory.Fault("there is no slot to plug memory into", "set memory-slots too"));
        if (memory.Value > host.MemoryMiB)
            faults.Add(memory.Fault(
                $"one VM of {memory.Value} MiB is more than this host's {host.MemoryMiB} MiB", "make the VMs smaller"));
    }

    /// <summary>Some CPUs address no more than 512 GiB, and the slots' alignment takes its share.</summary>
    private static int Reachable(long hostMiB) => (int)Math.Min(hostMiB, 256 * 1024);

    private static int Fitting(long hostMiB, int memory) => (int)Math.Min(int.MaxValue, hostMiB / memory);

    private int VmCacheNumber(Section section, VmSpec spec)
    {
        var number = section.Number("vm-cache-number", 0, 1_000_000);
        var needed = (long)number.Value * spec.MemoryMiB;
        if (needed > host.MemoryMiB && spec.MemoryMiB <= host.MemoryMiB)
            faults.Add(number.Fault(
                $"{number.Value} VMs of {spec.MemoryMiB} MiB need {needed} MiB; this host has {host.MemoryMiB} MiB",
                $"give at most {Fitting(host.MemoryMiB, spec.MemoryMiB)}, or make the VMs smaller"));
        return number.Value;
    }

    private string KernelParameters(Section section)
    {
        const string remedy = "give the kernel's parameters in one line";
        var first = section.Text("kernel-parameters", remedy);
        var more = section.Text("append-kernel-parameters", remedy);
        var line = $"{first.Value} {more.Value}".Trim();
        if (System.Text.Encoding.UTF8.GetByteCount(line) > CommandLineBytes)
            faults.Add((more.Value.Length > first.Value.Length ? more : first).Fault(
                $"the kernel takes {CommandLineBytes} bytes of parameters and would get {line.Length}", "shorten it"));
        return line;
    }
}
