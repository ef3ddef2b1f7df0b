using System.Text.Json;
using VmCacheCluster.Domain;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Cli.Kata;

/// <summary>A generation of clients, and what keeps it from taking a VM.</summary>
/// <param name="Differences">In what its own configuration differs from what is served.</param>
/// <param name="Refusals">Why it does not start with the file at all; empty: it does.</param>
internal sealed record KataClient(KataGeneration Generation, IReadOnlyList<KataDifference> Differences, IReadOnlyList<KataFault> Refusals)
{
    internal bool Takes => Differences.Count == 0 && Refusals.Count == 0;
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
    /// <param name="read">What each of them makes of the file.</param>
    /// <param name="served">What a server sends; null: what it would send for this file.</param>
    internal static IReadOnlyList<KataClient> Clients(KataConfigurationResult read, GrpcVMConfig? served, KataTarget target)
    {
        var answer = served ?? read.Configuration?.Vm.ToGrpc(target) ?? new GrpcVMConfig();
        return
        [
            .. read.Verdicts.Select(verdict => new KataClient(
                KataGeneration.For(verdict), verdict.Vm is { } own ? KataComparison.Between(answer, own, verdict.Client) : [], verdict.Faults)),
        ];
    }

    /// <summary>Somebody takes VMs: of Kata 1.x one client at most, since the two never agree, of later ones all of them.</summary>
    internal static bool Agree(IReadOnlyList<KataClient> clients, KataTarget target)
        => target == KataTarget.Kata113 ? clients.Any(c => c.Takes) : clients.All(c => c.Takes);

    /// <summary>Whether such VMs can be cloned, or booted at least.</summary>
    internal static KataMaking Making(KataVmConfig own, AgentTransport transport, IKataHost host, KataTarget target)
    {
        var shape = KataPool.Spec(PoolName.Default, own, transport, host, target).Kata!;
        return shape.Unserved.Length > 0 ? new(false, false, shape.Unserved) : new(true, shape.WhyNotCloned() is null, shape.WhyNotCloned() ?? "");
    }

    /// <summary>All fields that a server sends.</summary>
    internal static IReadOnlyList<KataField> Fields(KataVmConfig own, KataTarget target)
    {
        using var data = JsonDocument.Parse(own.ToGrpc(target).Data.Memory);
        return
        [
            .. from part in new[] { "AgentConfig", "HypervisorConfig" }
               from field in data.RootElement.GetProperty(part).EnumerateObject()
               select new KataField($"{part}.{field.Name}", field.Value.GetRawText(), KataComparison.Compares(field.Name, target == KataTarget.Union ? KataTarget.Kata35 : target)),
        ];
    }
}
