using VmCacheCluster.Domain;

namespace VmCacheCluster.Hypervisor.Qemu.Records;

/// <summary>The form of accelerator.json: this boot's verdicts, by a digest of everything they depend on.</summary>
internal sealed record VerdictRecord(int Version, Guid BootId, Dictionary<string, VerdictEntry> Verdicts)
{
    public const int CurrentVersion = 1;
}

/// <param name="Refused">KVM refused the guest: nothing but that is kept of what speaks against KVM.</param>
internal sealed record VerdictEntry(Accelerator Accelerator, string Reason, bool Refused = false);
