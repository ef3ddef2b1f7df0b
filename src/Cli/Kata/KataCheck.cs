using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Kata;

/// <summary>A generation of clients, and what keeps it from taking a VM.</summary>
/// <param name="Faults">Why it does not start with the file at all.</param>
internal sealed record KataClient(KataGeneration Generation, IReadOnlyList<KataDifference> Differences, IReadOnlyList<KataFault> Faults)
{
    internal bool Takes => Differences.Count == 0 && Faults.Count == 0;
}

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
    /// <param name="own">What a generation makes of the file.</param>
    /// <param name="served">What a server sends.</param>
    /// <param name="first">Of Kata 1.x.</param>
    internal static IReadOnlyList<KataClient> Clients(Func<KataGeneration, KataConfigurationResult> own, GrpcVMConfig served, bool first) =>
        [.. (first ? KataGeneration.Firsts : KataGeneration.Later).Select(g => Client(g, own(g), served))];

    /// <summary>Somebody takes VMs: of Kata 1.x one client at most, since the two never agree, of later ones all of them.</summary>
    internal static bool Agree(IReadOnlyList<KataClient> clients, bool first)
        => first ? clients.Any(c => c.Takes) : clients.All(c => c.Takes);

    /// <summary>What a server with this file sends.</summary>
    internal static GrpcVMConfig Served(KataVmConfig own, bool first) => own.ToGrpc(TargetOf(first));

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

    private static KataClient Client(KataGeneration generation, KataConfigurationResult read, GrpcVMConfig served)
        => read.Configuration is { } configuration
            ? new KataClient(generation, KataComparison.Between(served, configuration.Vm, generation.Target), [])
            : new KataClient(generation, [], read.Faults);

    private static KataTarget TargetOf(bool first) => first ? KataTarget.Kata113 : KataTarget.Union;
}
