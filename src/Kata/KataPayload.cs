using System.Buffers;
using System.Text.Json;

namespace VmCacheCluster.Kata;

/// <summary>
/// GrpcVM.hypervisor as a generation of clients has it: its fields alone, in its order. A client ignores what it does not know, so clients
/// that one reply serves get the fields of all their versions.
/// </summary>
internal static class KataPayload
{
    private const string Bridges = nameof(KataQemuState.Bridges);

    /// <summary>Of 1.6 to 1.13.</summary>
    private static readonly Generation First = new(
        [
            Bridges, nameof(KataQemuState.HotpluggedVCPUs), nameof(KataQemuState.HotpluggedMemory), nameof(KataQemuState.UUID),
            nameof(KataQemuState.HotplugVFIOOnRootBus), nameof(KataQemuState.VirtiofsdPid), nameof(KataQemuState.PCIeRootPort),
        ],
        // Until 1.8 Address is what later ones call Devices.
        [
            nameof(KataBridge.Address), nameof(KataBridge.Devices), nameof(KataBridge.ID), nameof(KataBridge.Addr), nameof(KataBridge.Type),
            nameof(KataBridge.MaxCapacity),
        ]);

    /// <summary>Of 2.4 to 3.1.</summary>
    private static readonly Generation Second = new(
        [
            nameof(KataQemuState.UUID), Bridges, nameof(KataQemuState.HotpluggedVCPUs), nameof(KataQemuState.HotpluggedMemory),
            nameof(KataQemuState.VirtiofsDaemonPid), nameof(KataQemuState.PCIeRootPort), nameof(KataQemuState.HotplugVFIOOnRootBus),
        ],
        [
            nameof(KataBridge.Devices), nameof(KataBridge.ID), nameof(KataBridge.Type), nameof(KataBridge.Addr),
            nameof(KataBridge.MaxCapacity),
        ]);

    /// <summary>Of 3.2 to 3.5.</summary>
    private static readonly Generation Third = new(
        [
            nameof(KataQemuState.UUID), nameof(KataQemuState.HotPlugVFIO), Bridges, nameof(KataQemuState.HotpluggedVCPUs),
            nameof(KataQemuState.HotpluggedMemory), nameof(KataQemuState.VirtiofsDaemonPid), nameof(KataQemuState.HotplugVFIO),
            nameof(KataQemuState.ColdPlugVFIO),
        ],
        Second.Bridge);

    /// <summary>Of 3.6 to 4.1; bridges have parents since 4.0.</summary>
    private static readonly Generation Fourth = new(
        [.. Third.State, nameof(KataQemuState.PCIeRootPort), nameof(KataQemuState.PCIeSwitchPort)],
        [.. Third.Bridge, nameof(KataBridge.ParentID), nameof(KataBridge.ParentAddr)]);

    /// <summary>Of 2.0 to 4.1.</summary>
    private static readonly Generation All = Fourth with
    {
        State = [.. Fourth.State, nameof(KataQemuState.HotplugVFIOOnRootBus), nameof(KataQemuState.VirtiofsdPid)],
    };

    /// <param name="state">With every field that the client may have.</param>
    /// <param name="target">The clients that it is for.</param>
    public static byte[] Write(KataHypervisorState state, KataTarget target)
    {
        var generation = target switch
        {
            KataTarget.Kata113 => First,
            KataTarget.Kata25 => Second,
            KataTarget.Kata35 => Third,
            KataTarget.Kata41 => Fourth,
            _ => All,
        };
        var buffer = new ArrayBufferWriter<byte>();
        using (var whole = JsonDocument.Parse(state.ToJson()))
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Instance }))
        {
            json.WriteStartObject();
            foreach (var member in whole.RootElement.EnumerateObject())
            {
                json.WritePropertyName(member.Name);
                if (member.Name == nameof(KataHypervisorState.State)) State(member.Value, generation, json);
                else member.Value.WriteTo(json);
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void State(JsonElement state, Generation generation, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach (var (name, value) in Fields(state, generation.State))
        {
            json.WritePropertyName(name);
            if (name != Bridges) value.WriteTo(json);
            else BridgesOf(value, generation.Bridge, json);
        }

        json.WriteEndObject();
    }

    private static void BridgesOf(JsonElement bridges, string[] fields, Utf8JsonWriter json)
    {
        json.WriteStartArray();
        foreach (var bridge in bridges.EnumerateArray())
        {
            json.WriteStartObject();
            foreach (var (name, value) in Fields(bridge, fields))
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static IEnumerable<(string Name, JsonElement Value)> Fields(JsonElement of, string[] names)
        => names.Select(name => (name, of.GetProperty(name)));

    /// <param name="State">The fields of QemuState.</param>
    /// <param name="Bridge">The fields of each of its bridges.</param>
    private sealed record Generation(string[] State, string[] Bridge);
}
