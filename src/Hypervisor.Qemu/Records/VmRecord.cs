using System.Text.Json;
using System.Text.Json.Serialization;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The form of vm.json. Fields are only added; a change of meaning raises <see cref="CurrentVersion"/>.</summary>
internal sealed record VmRecord(
    int Version, string Id, int Pid, ulong StartTime, MadeBy MadeBy, VmPaths Paths, SpecRecord Spec)
{
    public const int CurrentVersion = 1;

    /// <summary>As it was last; null: as it was started.</summary>
    public VmSize? Size { get; init; }

    public int FileServerPid { get; init; }

    public int ProxyPid { get; init; }

    /// <summary>Null: the daemon's.</summary>
    public uint? User { get; init; }

    public static VmRecord From(VmFacts facts, VmSize size) => new(
        CurrentVersion, facts.Id.Value, facts.Process.Pid, facts.Process.StartTime, facts.MadeBy, facts.Paths, SpecRecord.From(facts.Spec))
    {
        Size = size,
        FileServerPid = facts.FileServerPid,
        ProxyPid = facts.ProxyPid,
        User = facts.User,
    };

    public VmFacts ToFacts(VmId id) => new(id, Spec.ToSpec(), Paths, new ProcessIdentity(Pid, StartTime), MadeBy)
    {
        FileServerPid = FileServerPid,
        ProxyPid = ProxyPid,
        User = User,
    };
}

/// <summary>A <see cref="VmSpec"/> with plain members.</summary>
internal sealed record SpecRecord
{
    public required string Pool { get; init; }
    public MachineType Machine { get; init; }
    public Accelerator Accelerator { get; init; }
    public string CpuModel { get; init; } = "";
    public required int Cpus { get; init; }
    public required int MaxCpus { get; init; }
    public required int MemoryMiB { get; init; }
    public int MemorySlots { get; init; }
    public required int MaxMemoryMiB { get; init; }
    public required string Qemu { get; init; }
    public required string Kernel { get; init; }
    public string? Initrd { get; init; }
    public string? Image { get; init; }
    public string KernelParameters { get; init; } = "";
    public required string EntropySource { get; init; }
    public int RootPorts { get; init; }
    public bool Sandbox { get; init; }
    public AgentProtocol Agent { get; init; }
    public AgentTransport Transport { get; init; }
    public KataShape? Kata { get; init; }

    public static SpecRecord From(VmSpec spec) => new()
    {
        Pool = spec.Pool.Value,
        Machine = spec.Machine,
        Accelerator = spec.Accelerator,
        CpuModel = spec.CpuModel,
        Cpus = spec.Cpus,
        MaxCpus = spec.MaxCpus,
        MemoryMiB = spec.MemoryMiB,
        MemorySlots = spec.MemorySlots,
        MaxMemoryMiB = spec.MaxMemoryMiB,
        Qemu = spec.Qemu,
        Kernel = spec.Kernel,
        Initrd = spec.Initrd,
        Image = spec.Image,
        KernelParameters = spec.KernelParameters,
        EntropySource = spec.EntropySource,
        RootPorts = spec.RootPorts,
        Sandbox = spec.Sandbox,
        Agent = spec.Agent,
        Transport = spec.Transport,
        Kata = spec.Kata,
    };

    public VmSpec ToSpec() => new()
    {
        Pool = PoolName.TryParse(Pool, out var pool) ? pool : throw new JsonException($"'{Pool}' is no pool name"),
        Machine = Machine,
        Accelerator = Accelerator,
        CpuModel = CpuModel,
        Cpus = Cpus,
        MaxCpus = MaxCpus,
        MemoryMiB = MemoryMiB,
        MemorySlots = MemorySlots,
        MaxMemoryMiB = MaxMemoryMiB,
        Qemu = Qemu,
        Kernel = Kernel,
        Initrd = Initrd,
        Image = Image,
        KernelParameters = KernelParameters,
        EntropySource = EntropySource,
        RootPorts = RootPorts,
        Sandbox = Sandbox,
        Agent = Agent,
        Transport = Transport,
        Kata = Kata,
    };
}

[JsonSerializable(typeof(VmRecord))]
[JsonSerializable(typeof(LeaseJson))]
[JsonSerializable(typeof(VerdictRecord))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
internal sealed partial class RecordJson : JsonSerializerContext;
