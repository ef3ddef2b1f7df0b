using VmCacheCluster.Client;

namespace VmCacheCluster.Cli.Doctor;

/// <summary>Has the daemon forget that KVM refused guests, and prove it anew.</summary>
internal static class KvmRetry
{
    private const string Name = "retry-kvm";

    internal static async Task<Check> RunAsync(VmCacheClient client, CancellationToken cancel)
    {
        try
        {
            return Told(await client.ProveKvmAsync(Deadlines.Query, cancel).ConfigureAwait(false));
        }
        catch (VmCacheException fault)
        {
            return new Check(
                Name, Verdict.Fail, $"KVM is not proved anew: {fault.Message}", "it is vmcached that proves it: see the check of the daemon, and its log");
        }
    }

    /// <param name="pools">Whose guests are proved.</param>
    internal static Check Told(IReadOnlyList<string> pools) => pools.Count == 0
        ? new Check(Name, Verdict.Ok, "there is nothing to prove: every pool runs under KVM, or names its accelerator")
        : new Check(
            Name, Verdict.Ok, $"KVM is being proved anew for pool {string.Join(", ", pools)}; what is told of KVM here may be of before",
            "see WHY-ACCEL in 'vmcache status -o wide' in a minute");
}
