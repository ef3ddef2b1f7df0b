using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;

namespace VmCacheCluster.Cli.Kata;

/// <summary>A generation of clients, and how it is known what they do.</summary>
/// <param name="Version">As it is printed.</param>
/// <param name="Target">What they compare.</param>
/// <param name="First">Which client of Kata 1.x; null: of a later generation.</param>
/// <param name="Known">"run" or "read".</param>
/// <param name="Of">What was run or read.</param>
/// <param name="ComparesPod">It compares the pod's name, which no server knows.</param>
/// <param name="ForgetsAgent">A stock client forgets its VM's vsock address on the way, whoever serves the cache.</param>
internal sealed record KataGeneration(
    string Version, KataTarget Target, KataFirstClient? First, string Known, string Of, bool ComparesPod = false, bool ForgetsAgent = false)
{
    private const string Run = "run", Read = "read";

    /// <summary>What a client that takes a VM cannot do with it; empty: nothing is known.</summary>
    internal string Limit => !ForgetsAgent ? ""
        : (ComparesPod ? "with Kubernetes it boots its own; elsewhere " : "") + "a stock client does not reach the agent of a VM that it took: see docs/kata.md";

    private static readonly KataGeneration[] All =
    [
        new("1.13, kata-runtime", KataTarget.Kata113, KataFirstClient.Runtime, Run, "runtime, proxy and agent of 1.13.0"),
        new("1.13, containerd-shim-kata-v2", KataTarget.Kata113, KataFirstClient.Shim, Read, "the source of 1.13.0"),
        new("2.5", KataTarget.Kata25, null, Read, "the source of 2.5.0", ForgetsAgent: true),
        new("3.5", KataTarget.Kata35, null, Run, "the client of 3.5.0", ComparesPod: true, ForgetsAgent: true),
        new("4.1", KataTarget.Kata41, null, Read, "the source of 4.1.0", ForgetsAgent: true),
    ];

    internal static KataGeneration For(KataVerdict verdict) => All.Single(g => g.Target == verdict.Client && g.First == verdict.First);
}
