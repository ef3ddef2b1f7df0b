using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The form of accelerator.json: verdicts by a key that names everything they depend on.</summary>
internal sealed record VerdictRecord(int Version, Dictionary<string, VerdictEntry> Verdicts)
{
    public const int CurrentVersion = 1;
}

internal sealed record VerdictEntry(Accelerator Accelerator, string Reason);
