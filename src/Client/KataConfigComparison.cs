using System.Globalization;
using System.Text.Json;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Client;

/// <summary>
/// Whether a node's VMs are what a Kata client would make itself, by Kata's own rules: everything must be equal, but for
/// vCPUs, memory and what is set for each VM. Missing is zero, and null is empty, as Go reads them.
/// </summary>
public static class KataConfigComparison
{
    /// <summary>What Kata resets on both sides before it compares.</summary>
    private static readonly HashSet<string> Free =
    [
        "NumVCPUs", "NumVCPUsF", "MemorySize", "BootToBeTemplate", "BootFromTemplate", "MemoryPath", "DevicesStatePath", "SharedPath",
        "VMStorePath", "RunStorePath", "SandboxName", "SandboxNamespace",
    ];

    /// <returns>Every difference, such as <c>HypervisorConfig.KernelPath is "/a" there and "/b" here</c>; empty: they match.</returns>
    /// <exception cref="KataFormatException">The node's answer is no configuration.</exception>
    public static IReadOnlyList<string> Differences(GrpcVMConfig node, KataVmConfig own)
    {
        using var here = JsonDocument.Parse(own.ToGrpc().Data.Memory);
        using var there = Parse(node);
        using var agent = Agent(node);
        List<string> differences = [];
        foreach (var part in here.RootElement.EnumerateObject())
        {
            JsonElement? other = part.Name == "AgentConfig" && agent is not null
                ? agent.RootElement
                : there.RootElement.TryGetProperty(part.Name, out var found) ? found : null;
            Compare(part.Name, other, part.Value, differences);
        }

        return differences;
    }

    private static JsonDocument Parse(GrpcVMConfig node)
    {
        try
        {
            var data = JsonDocument.Parse(node.Data.Memory);
            return data.RootElement.ValueKind == JsonValueKind.Object
                ? data
                : throw new KataFormatException("the node's Config is no JSON object");
        }
        catch (JsonException fault)
        {
            throw new KataFormatException($"the node's Config is no JSON: {fault.Message}", fault);
        }
    }

    /// <summary>Replaces the agent's part of Data, unless it is empty or broken.</summary>
    private static JsonDocument? Agent(GrpcVMConfig node)
    {
        try
        {
            return JsonDocument.Parse(node.AgentConfig.Memory) is { RootElement.ValueKind: JsonValueKind.Object } agent ? agent : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Compare(string path, JsonElement? there, JsonElement here, List<string> differences)
    {
        if (here.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in here.EnumerateObject().Where(m => !Free.Contains(m.Name)))
            {
                JsonElement? other = there is { ValueKind: JsonValueKind.Object } t && t.TryGetProperty(member.Name, out var found) ? found : null;
                Compare($"{path}.{member.Name}", other, member.Value, differences);
            }
        }
        else if (here.ValueKind == JsonValueKind.Array && there is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() == here.GetArrayLength())
        {
            for (var i = 0; i < here.GetArrayLength(); i++)
            {
                Compare(string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), list[i], here[i], differences);
            }
        }
        else if (!Same(there, here))
        {
            differences.Add($"{path} is {there?.GetRawText() ?? "not set"} there and {here.GetRawText()} here");
        }
    }

    private static bool Same(JsonElement? there, JsonElement here)
    {
        if (IsZero(here) && (there is not { } other || IsZero(other)))
        {
            return true;
        }

        return there is { } element && element.ValueKind == here.ValueKind && here.ValueKind switch
        {
            JsonValueKind.String => element.GetString() == here.GetString(),
            JsonValueKind.Number => element.GetDouble().Equals(here.GetDouble()),
            JsonValueKind.True or JsonValueKind.False => true,
            _ => false,
        };
    }

    private static bool IsZero(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Number => value.GetDouble() == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => false,
    };
}
