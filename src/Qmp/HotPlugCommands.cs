using System.Globalization;
using System.Text.Json;

namespace VmCacheCluster.Qmp;

/// <summary>What is said to QEMU when vCPUs and memory are plugged, and what is read from its answers. Pure.</summary>
public static class HotPlugCommands
{
    public const string CpuSlots = "query-hotpluggable-cpus";
    public const string MemoryBackends = "query-memdev";
    public const string AddDevice = "device_add";
    public const string AddObject = "object-add";
    public const string DeleteObject = "object-del";

    private const string MemoryPrefix = "mem-";

    /// <summary>The slots of <see cref="CpuSlots"/>'s answer that hold no vCPU, in the order in which a guest numbers them.</summary>
    /// <exception cref="FormatException">The answer is no list of slots.</exception>
    public static IReadOnlyList<JsonElement> FreeCpuSlots(JsonElement answer)
    {
        var slots = List(answer, CpuSlots);
        if (slots.Exists(s => !IsObject(s, "props") || !s.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String))
            throw new FormatException($"QEMU's answer to {CpuSlots} holds a slot without a type or without properties");
        // QEMU names the last slot first.
        slots.Reverse();
        return [.. slots.Where(s => !s.TryGetProperty("qom-path", out _))];
    }

    /// <summary>Arguments of <see cref="AddDevice"/>: a vCPU in a slot of <see cref="FreeCpuSlots"/>.</summary>
    public static Action<Utf8JsonWriter> Cpu(JsonElement slot, string id) => json =>
    {
        json.WriteString("driver", slot.GetProperty("type").GetString());
        json.WriteString("id", id);
        foreach (var property in slot.GetProperty("props").EnumerateObject()) property.WriteTo(json);
    };

    /// <summary>Arguments of <see cref="AddObject"/>: memory of the host's, not yet the guest's.</summary>
    /// <param name="mebibytes">Whole blocks of the guest's: see <see cref="WholeBlocks"/>.</param>
    public static Action<Utf8JsonWriter> Memory(int number, int mebibytes) => json =>
    {
        json.WriteString("qom-type", "memory-backend-ram");
        json.WriteString("id", MemoryId(number));
        json.WriteNumber("size", (long)mebibytes * 1024 * 1024);
    };

    /// <summary>Arguments of <see cref="AddDevice"/>: a DIMM with that memory.</summary>
    public static Action<Utf8JsonWriter> Dimm(int number) => json =>
    {
        json.WriteString("driver", "pc-dimm");
        json.WriteString("id", $"dimm-{number}");
        json.WriteString("memdev", MemoryId(number));
    };

    /// <summary>Arguments of <see cref="DeleteObject"/>: memory that no DIMM was made with.</summary>
    public static Action<Utf8JsonWriter> NoMemory(int number) => json => json.WriteString("id", MemoryId(number));

    /// <summary>One more than the highest number of plugged memory in <see cref="MemoryBackends"/>' answer; at least 1.</summary>
    /// <exception cref="FormatException">The answer is no list.</exception>
    public static int NextMemory(JsonElement answer) => List(answer, MemoryBackends).Select(NumberOf).Prepend(0).Max() + 1;

    /// <summary>A guest takes memory in whole blocks only, and a DIMM that is no multiple misaligns all later ones.</summary>
    /// <param name="blockMiB">The guest's memory block, in MiB; 0 when it did not say.</param>
    public static int WholeBlocks(int mebibytes, int blockMiB)
    {
        var block = blockMiB > 0 ? blockMiB : 1;
        return checked((mebibytes + block - 1) / block * block);
    }

    private static string MemoryId(int number) => string.Create(CultureInfo.InvariantCulture, $"{MemoryPrefix}{number}");

    private static int NumberOf(JsonElement backend) =>
        backend.ValueKind == JsonValueKind.Object && backend.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String
        && id.GetString()!.StartsWith(MemoryPrefix, StringComparison.Ordinal)
        && int.TryParse(id.GetString().AsSpan(MemoryPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;

    private static bool IsObject(JsonElement slot, string name) =>
        slot.ValueKind == JsonValueKind.Object && slot.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object;

    private static List<JsonElement> List(JsonElement answer, string command) => answer.ValueKind == JsonValueKind.Array
        ? [.. answer.EnumerateArray()]
        : throw new FormatException($"QEMU's answer to {command} is no list");
}
