using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Configuration;

namespace VmCacheCluster.Gateway.Pools;

/// <summary>Asked of every set of pools, whether the daemon starts with it, it is applied, or it comes from the cluster.</summary>
public static class DescriptorCheck
{
    private const string Raise = "raise it (LimitNOFILE= in the unit, ulimit -n in a shell) and start vmcached anew";

    /// <returns>With a share of the descriptors, or with the fault that there are too few for what this host's pools are to have.</returns>
    public static ConfigurationResult Of(ConfigurationResult loaded, int limit)
    {
        if (loaded.Options is not { } wanted) return loaded;
        var options = DescriptorPlan.Fit(wanted, limit);
        return DescriptorPlan.Of(options, limit) is { } plan
            ? loaded with { Options = options, Descriptors = plan, Fewer = Fewer(wanted, options, limit) }
            : new ConfigurationResult(null, [TooLow(options, limit)]);
    }

    private static ConfigurationFault TooLow(NodeOptions options, int limit) => new(
        "vmcache.pools", "",
        $"the limit of open files is too low: {limit}, and vmcached needs {DescriptorPlan.Need(options)} for itself and all pools "
            + $"(vm-cache-number {options.Pools.Sum(p => (long)p.VmCacheNumber)} in all, boot-parallelism {options.BootParallelism})",
        "vm-cache-number of " + string.Join(", ", options.Pools.Where(p => p.VmCacheNumber > 0).Select(p => p.Name)),
        $"{Raise}, or lower vm-cache-number or boot-parallelism");

    private static string? Fewer(NodeOptions wanted, NodeOptions options, int limit)
    {
        var fewer = wanted.Pools.Zip(options.Pools).Where(p => p.First.VmCacheNumber > p.Second.VmCacheNumber)
            .Select(p => $"{p.Second.VmCacheNumber} of {p.First.VmCacheNumber} of pool {p.Second.Name}").ToList();
        return fewer.Count == 0 ? null
            : $"this host keeps fewer VMs warm than its share of the total: {string.Join(", ", fewer)}. "
                + $"The limit of {limit} open files has room for no more: {Raise}";
    }
}
