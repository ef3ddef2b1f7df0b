using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Kata;

/// <summary>A generation of clients, and what keeps it from taking a VM.</summary>
internal sealed record KataClient(string Version, IReadOnlyList<KataDifference> Differences);

/// <summary>A field as a client has it, and whether it must be equal.</summary>
internal sealed record KataField(string Name, string Value, bool Compared);

/// <summary>How a server makes VMs of a configuration.</summary>
/// <param name="Made">One can be made.</param>
/// <param name="Cloned">It can be cloned from a template; else each is booted.</param>
/// <param name="Why">Why not; empty when nothing stands in the way.</param>
internal sealed record KataMaking(bool Made, bool Cloned, string Why);

/// <summary>What Kata's clients say to a server's Config; pure.</summary>
internal static class KataCheck
{
    private static readonly (string Version, KataTarget Target)[] Generations = [("3.5", KataTarget.Kata35), ("4.1", KataTarget.Kata41)];
    private static readonly (string Version, KataTarget Target)[] First = [("1.13", KataTarget.Kata113)];

    /// <param name="served">What a server sends; null: what it would send for this configuration.</param>
    internal static IReadOnlyList<KataClient> Clients(KataVmConfig own, GrpcVMConfig? served, bool first) =>
        [.. (first ? First : Generations).Select(g => new KataClient(g.Version, KataComparison.Between(served ?? own.ToGrpc(TargetOf(first)), own, g.Target)))];

    /// <summary>Whether such VMs can be cloned, or booted at least.</summary>
    internal static KataMaking Making(KataVmConfig own, AgentTransport transport, IKataHost host, bool first)
    {
        var shape = KataPool.Spec(PoolName.Default, own, transport, host, TargetOf(first)).Kata!;
        return shape.Unserved.Length > 0 ? new(false, false, shape.Unserved) : new(true, shape.WhyNotCloned() is null, shape.WhyNotCloned() ?? "");
    }

    /// <summary>All fields that a server sends.</summary>
    internal static IReadOnlyList<KataField> Fields(KataVmConfig own, bool first)
    {
        using var data = JsonDocument.Parse(own.ToGrpc(TargetOf(first)).Data.Memory);
        return
        [
            .. from part in new[] { "AgentConfig", "HypervisorConfig" }
               from field in data.RootElement.GetProperty(part).EnumerateObject()
               select new KataField($"{part}.{field.Name}", field.Value.GetRawText(), KataComparison.Compares(field.Name, KataTarget.Kata35)),
        ];
    }

    private static KataTarget TargetOf(bool first) => first ? KataTarget.Kata113 : KataTarget.Union;
}
