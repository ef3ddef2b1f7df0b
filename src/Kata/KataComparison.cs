using System.Text.Json;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Kata;

/// <summary>A field in which a server and a client do not agree: the client boots a VM of its own then.</summary>
/// <param name="Field">Such as HypervisorConfig.KernelPath.</param>
/// <param name="Served">JSON; empty: the server sent none.</param>
/// <param name="Wanted">JSON.</param>
public sealed record KataDifference(string Field, string Served, string Wanted);

/// <summary>
/// The comparison of Kata's client, before it takes a VM: by value, but for what may differ; an empty list is as good as none; fields that
/// the client does not know are ignored, and those that it was not sent are zero.
/// </summary>
public static class KataComparison
{
    private static readonly HashSet<string> Free = new(StringComparer.Ordinal)
    {
        nameof(KataHypervisorConfig.NumVCPUs), nameof(KataHypervisorConfig.NumVCPUsF), nameof(KataHypervisorConfig.MemorySize),
        nameof(KataHypervisorConfig.BootToBeTemplate), nameof(KataHypervisorConfig.BootFromTemplate), nameof(KataHypervisorConfig.MemoryPath),
        nameof(KataHypervisorConfig.DevicesStatePath), nameof(KataHypervisorConfig.SharedPath), nameof(KataHypervisorConfig.VMStorePath),
        nameof(KataHypervisorConfig.RunStorePath),
    };

    /// <summary>Whether a client of this generation compares the field at all.</summary>
    public static bool Compares(string field, KataTarget client) =>
        !Free.Contains(field)
        && !(client is not KataTarget.Kata35 && field is nameof(KataHypervisorConfig.SandboxName) or nameof(KataHypervisorConfig.SandboxNamespace));

    /// <param name="served">A server's answer to Config.</param>
    /// <param name="own">What the client makes of its configuration.</param>
    /// <param name="client">The client's generation.</param>
    /// <exception cref="KataFormatException">The server's answer is none that a client can read.</exception>
    public static IReadOnlyList<KataDifference> Between(GrpcVMConfig served, KataVmConfig own, KataTarget client)
    {
        var wanted = own.ToGrpc(client);
        using var theirs = Parse(served.Data.Memory);
        using var ours = Parse(wanted.Data.Memory);
        using var agent = TryParse(served.AgentConfig.Memory);
        List<KataDifference> differences = [];
        Compare("HypervisorType", Member(theirs.RootElement, "HypervisorType"), ours.RootElement.GetProperty("HypervisorType"), differences);
        // Kata 1.x alone; ProxyConfig it sets to nothing before it compares.
        foreach (var name in new[] { "AgentType", "ProxyType" })
            if (Member(ours.RootElement, name) is { } member) Compare(name, Member(theirs.RootElement, name), member, differences);
        Fields("AgentConfig", agent?.RootElement ?? Member(theirs.RootElement, "AgentConfig"), ours.RootElement.GetProperty("AgentConfig"), client, differences);
        Fields("HypervisorConfig", Member(theirs.RootElement, "HypervisorConfig"), ours.RootElement.GetProperty("HypervisorConfig"), client, differences);
        return differences;
    }

    private static void Fields(string name, JsonElement? served, JsonElement wanted, KataTarget client, List<KataDifference> differences)
    {
        foreach (var field in wanted.EnumerateObject().Where(f => Compares(f.Name, client)))
            Compare($"{name}.{field.Name}", Member(served, field.Name), field.Value, differences);
    }

    private static void Compare(string field, JsonElement? served, JsonElement wanted, List<KataDifference> differences)
    {
        // It compares the addresses of two numbers, which are never the same.
        var pointers = field == "HypervisorConfig." + nameof(KataHypervisorConfig.SnpGuestPolicy) && !(IsZero(served) && IsZero(wanted));
        if (pointers || !Equal(served, wanted)) differences.Add(new KataDifference(field, served?.GetRawText() ?? "", wanted.GetRawText()));
    }

    private static bool Equal(JsonElement? served, JsonElement wanted)
    {
        if (served is not { } value || value.ValueKind == JsonValueKind.Null || wanted.ValueKind == JsonValueKind.Null) return IsZero(served) && IsZero(wanted);
        if (value.ValueKind != wanted.ValueKind) return false;
        return wanted.ValueKind switch
        {
            JsonValueKind.Object => wanted.EnumerateObject().All(f => Equal(Member(value, f.Name), f.Value)),
            JsonValueKind.Array => value.GetArrayLength() == wanted.GetArrayLength() && value.EnumerateArray().Zip(wanted.EnumerateArray(), (a, b) => Equal(a, b)).All(e => e),
            JsonValueKind.Number => Number(value) is { } number && number == Number(wanted),
            JsonValueKind.String => value.GetString() == wanted.GetString(),
            _ => true,
        };
    }

    private static bool IsZero(JsonElement? element) => element is not { } value || value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined or JsonValueKind.False => true,
        JsonValueKind.Number => Number(value) == 0,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.EnumerateObject().All(f => IsZero(f.Value)),
        _ => false,
    };

    /// <returns>Null: a number that no field of Kata's can have.</returns>
    private static decimal? Number(JsonElement element) => element.TryGetDecimal(out var number) ? number : null;

    private static JsonElement? Member(JsonElement? of, string name) =>
        of is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(name, out var member) ? member : null;

    private static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            var data = JsonDocument.Parse(json);
            return data.RootElement.ValueKind == JsonValueKind.Object ? data : throw new KataFormatException("GrpcVMConfig.Data is no JSON object");
        }
        catch (JsonException fault)
        {
            throw new KataFormatException($"GrpcVMConfig.Data is no JSON: {fault.Message}", fault);
        }
    }

    /// <summary>A client silently ignores an agent's part that it cannot read.</summary>
    private static JsonDocument? TryParse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
