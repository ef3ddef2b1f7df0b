using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Reads what a pool's VMs are.</summary>
internal sealed class SpecReader(HostFacts host, ICollection<ConfigurationFault> faults)
{
    private static readonly Dictionary<string, AgentProtocol> Protocols = new() { ["ttrpc"] = AgentProtocol.Ttrpc, ["yamux"] = AgentProtocol.Yamux };

    /// <summary>The kernel's COMMAND_LINE_SIZE on x86, without the final zero.</summary>
    private const int CommandLineBytes = 2047;

    private const string Auto = "auto";

    private static readonly Dictionary<string, MachineType> Machines = new() { ["q35"] = MachineType.Q35, ["pc"] = MachineType.Pc };

    public VmSpec Read(PoolName name, Section section)
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
        var protocol = section.Choice("agent-protocol", Protocols);
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
            Agent = protocol.Value,
            Transport = new TransportReader(host, faults).OfOwn(section, protocol),
            Sandbox = section.Choice("sandbox", PoolReader.Switches).Value,
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
