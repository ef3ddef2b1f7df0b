namespace VmCacheCluster.Domain;

/// <summary>How many connections may be open at a time; more are closed at once.</summary>
/// <param name="Local">On all Unix sockets together.</param>
/// <param name="Network">On each TCP port.</param>
public sealed record ConnectionLimits(int Local, int Network);

/// <summary>
/// Shares the descriptors out that the process may have, so that no caller takes what the VMs or .NET need: a .NET process that gets no
/// descriptor for an assembly or a thread aborts.
/// </summary>
/// <param name="Limit">Descriptors that the process may have.</param>
/// <param name="Vms">Kept for VMs and their making.</param>
/// <param name="Connections">What is left for connections, within what is configured.</param>
public sealed record DescriptorPlan(int Limit, int Vms, ConnectionLimits Connections)
{
    /// <summary>
    /// Of .NET and the daemon itself: about 255 alone and 275 in a cluster, as measured, most of them assemblies (two each). The rest is for
    /// the connections that it opens itself, to each other member.
    /// </summary>
    public const int Runtime = 300;

    /// <summary>Monitor, pidfd, state file, agent's channel, a companion's pidfd; twice, as a VM is made for each that is handed out.</summary>
    private const int WarmVm = 2 * 5;

    /// <summary>Of one that is being made or ended: log, records, template, what is read in /proc.</summary>
    private const int Making = 8;

    /// <summary>For VMs that are made on demand.</summary>
    private const int OnDemand = 32;

    private const int FewestLocal = 16;
    private const int FewestNetwork = 8;

    /// <summary>What the options need at least.</summary>
    public static long Need(NodeOptions options)
        => Runtime + OfVms(options) + 2 * Math.Min(FewestLocal, options.Connections.Local) + 4 * FewestNetwork * Ports(options);

    /// <returns>Null: the limit is below <see cref="Need"/>.</returns>
    public static DescriptorPlan? Of(NodeOptions options, int limit)
    {
        if (limit < Need(options)) return null;
        // The other half is for VMs that are handed out beyond what was kept for them.
        var vms = (int)OfVms(options);
        var rest = (limit - Runtime - vms) / 2;
        var ports = Ports(options);
        var local = ports == 0 ? rest : rest / 2;
        var network = ports == 0 ? 0 : (rest - local) / ports;
        var connections = new ConnectionLimits(Math.Min(options.Connections.Local, local), Math.Min(options.Connections.Network, network));
        return new DescriptorPlan(limit, vms, connections);
    }

    /// <summary>Lowers shares of totals to what there is room for: nobody wrote them for this host.</summary>
    public static NodeOptions Fit(NodeOptions options, int limit)
    {
        var missing = Need(options) - limit;
        var shares = options.Pools.Where(p => p.Shared).Sum(p => (long)p.VmCacheNumber);
        if (missing <= 0 || shares == 0) return options;
        var room = Math.Max(0, shares - (missing + WarmVm - 1) / WarmVm);
        return options with
        {
            Pools = [.. options.Pools.Select(p => p.Shared ? p with { VmCacheNumber = (int)(p.VmCacheNumber * room / shares) } : p)],
        };
    }

    private static long OfVms(NodeOptions options)
        => options.Pools.Sum(p => (long)p.VmCacheNumber) * WarmVm + options.BootParallelism * Making + OnDemand;

    /// <summary>A cluster has two, Akka's and the peer port.</summary>
    private static int Ports(NodeOptions options) => (options.Cluster is null ? 0 : 2) + (options.Gateway is null ? 0 : 1);
}
