using System.Text.Json;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Kata;

/// <summary>A generation of clients, and what keeps it from taking a VM.</summary>
internal sealed record KataClient(string Version, IReadOnlyList<KataDifference> Differences);

/// <summary>A field as a client has it, and whether it must be equal.</summary>
internal sealed record KataField(string Name, string Value, bool Compared);

/// <summary>What Kata's clients say to a server's Config; pure.</summary>
internal static class KataCheck
{
    private static readonly (string Version, KataTarget Target)[] Generations = [("3.5", KataTarget.Kata35), ("4.1", KataTarget.Kata41)];

    /// <param name="served">What a server sends; null: what it would send for this configuration.</param>
    internal static IReadOnlyList<KataClient> Clients(KataVmConfig own, GrpcVMConfig? served) =>
        [.. Generations.Select(g => new KataClient(g.Version, KataComparison.Between(served ?? own.ToGrpc(), own, g.Target)))];

    /// <summary>All fields that a server sends.</summary>
    internal static IReadOnlyList<KataField> Fields(KataVmConfig own)
    {
        using var data = JsonDocument.Parse(own.ToGrpc().Data.Memory);
        return
        [
            .. from part in new[] { "AgentConfig", "HypervisorConfig" }
               from field in data.RootElement.GetProperty(part).EnumerateObject()
               select new KataField($"{part}.{field.Name}", field.Value.GetRawText(), KataComparison.Compares(field.Name, KataTarget.Kata35)),
        ];
    }
}
