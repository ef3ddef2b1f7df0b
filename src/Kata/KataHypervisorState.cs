using System.Text.Json;
using System.Text.Json.Serialization;

namespace VmCacheCluster.Kata;

/// <summary>
/// Kata's qemuGrpc: the bytes in GrpcVM.hypervisor. Missing and null members read as zero, as Go reads them. Names and
/// order are the wire's.
/// </summary>
public sealed record KataHypervisorState
{
    public string ID { get; init => field = value ?? ""; } = "";

    /// <summary>Absolute: Kata's own server sends a path relative to its working directory.</summary>
    public string QmpChannelpath { get; init => field = value ?? ""; } = "";

    public KataQemuState State { get; init => field = value ?? new(); } = new();
    public int NvdimmCount { get; init; }
    public KataSmp QemuSMP { get; init => field = value ?? new(); } = new();

    /// <summary>The VM's id on the vsock bus; Kata's own server does not say it, and its client is then at a loss.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ulong? ContextID { get; init; }

    /// <summary>Where the agent is reached, as Kata writes it: vsock://CID:1024, or unix:// and a socket's path. Not of Kata's own either.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AgentURL { get; init; }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, KataJson.Go.KataHypervisorState);

    /// <exception cref="KataFormatException">The bytes are no such payload.</exception>
    public static KataHypervisorState Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var state = JsonSerializer.Deserialize(json, KataJson.Go.KataHypervisorState) ?? new();
            foreach (var device in (state.State.Bridges ?? []).SelectMany(b => b.Devices ?? []))
                if (!uint.TryParse(device.Key, out _))
                    throw new KataFormatException($"a bridge's device address is not a number: \"{device.Key}\"");
            return state;
        }
        catch (JsonException e)
        {
            throw new KataFormatException($"at {e.Path ?? "the start"}: {e.Message}", e);
        }
    }
}

/// <summary>Kata's QemuState.</summary>
public sealed record KataQemuState
{
    public string UUID { get; init => field = value ?? ""; } = "";
    public string HotPlugVFIO { get; set => field = value ?? ""; } = "";

    /// <summary>Where a client may plug devices into. Kata's own server sends null, and every hot-plug fails.</summary>
    public IReadOnlyList<KataBridge>? Bridges { get; init; }

    public IReadOnlyList<KataCpu>? HotpluggedVCPUs { get; init; }

    /// <summary>MiB.</summary>
    public int HotpluggedMemory { get; init; }

    public int VirtiofsDaemonPid { get; init; }

    /// <summary>
    /// A second field of nearly the same name: that is how Kata has it. The two are settable because the serializer
    /// cannot tell them apart as constructor parameters, which is how it sees init.
    /// </summary>
    public string HotplugVFIO { get; set => field = value ?? ""; } = "";

    public string ColdPlugVFIO { get; init => field = value ?? ""; } = "";

    /// <summary>Not of 1.6 to 1.10, nor of 3.2 to 3.5; absent means 0.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public uint? PCIeRootPort { get; init; }

    /// <summary>Since 3.6; absent means 0.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public uint? PCIeSwitchPort { get; init; }

    /// <summary>Until 3.1; absent means false.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? HotplugVFIOOnRootBus { get; init; }

    /// <summary>What 1.9 to 2.3 call <see cref="VirtiofsDaemonPid"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? VirtiofsdPid { get; init; }
}

/// <summary>A PCI bridge as Kata counts it.</summary>
public sealed record KataBridge
{
    /// <summary>What 1.6 to 1.8 call <see cref="Devices"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SortedDictionary<string, string>? Address { get; init; }

    /// <summary>Address to device id. Never null when sent: the client writes into it.</summary>
    public SortedDictionary<string, string>? Devices { get; init; } = new(StringComparer.Ordinal);

    public string ID { get; init => field = value ?? ""; } = "";
    public string Type { get; init => field = value ?? ""; } = "";
    public int Addr { get; init; }
    public uint MaxCapacity { get; init; }

    /// <summary>The root port that it is behind; 4.x alone, absent: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ParentID { get; init; }

    /// <summary>That port's address; 4.x alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ParentAddr { get; init; }
}

/// <summary>A hot-plugged vCPU.</summary>
public sealed record KataCpu
{
    public string ID { get; init => field = value ?? ""; } = "";
}

/// <summary>QEMU's -smp.</summary>
public sealed record KataSmp
{
    public uint CPUs { get; init; }
    public uint Cores { get; init; }
    public uint Threads { get; init; }
    public uint Sockets { get; init; }
    public uint MaxCPUs { get; init; }
}

/// <summary>A peer sent what is not Kata's format; the message says where.</summary>
public sealed class KataFormatException(string message, Exception? inner = null) : Exception(message, inner);
