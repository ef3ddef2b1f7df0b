using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Client;
using VmCacheCluster.Contracts.V1;

namespace VmCacheCluster.Cli.Output;

/// <summary>From the API's messages to what <c>-o json</c> prints.</summary>
internal static class ViewOf
{
    /// <param name="endpoint">The socket that was asked, for a node that does not name its own.</param>
    internal static StatusView Status(NodeStatus node, string endpoint) => new(
        Set(node.Pid), node.Endpoint.Length > 0 ? node.Endpoint : endpoint, Set(node.Version), At(node.StartedAt),
        [.. node.Pools.Select(Pool)],
        node.Quarantined.Count > 0 ? [.. node.Quarantined.Select(q => new QuarantinedView(q.Id, Set(q.Pool), Set(q.Pid), q.Reason))] : null,
        node.Problems.Count > 0 ? [.. node.Problems] : null,
        Usage(node.OpenFiles), Usage(node.LocalConnections), node.NetworkConnections.Count > 0 ? [.. node.NetworkConnections.Select(u => Usage(u)!)] : null);

    private static UsageView? Usage(Usage? usage) => usage is null ? null : new UsageView(usage.Used, usage.Limit);

    internal static BaseVmView BaseVm(Vm vm, ResumeTimes? resumed) => new(
        vm.Id, Set(vm.Pid), vm.Qmp, Set(vm.Agent), Set(vm.Console), Set(vm.Cpus), Set(vm.MemoryMib), Words.Of(vm.MadeBy), Words.Of(vm.Served),
        Set(vm.Pool), Words.Of(vm.State), Set(vm.Share), vm.GracePeriod?.ToTimeSpan().TotalSeconds, At(vm.ConfirmBefore),
        resumed is null ? null : Resumed(resumed));

    internal static ResumedView Resumed(ResumeTimes times) => new(
        Round(times.Cont), Round(times.Reseed), Round(times.Clock), Round(times.Total));

    private static PoolView Pool(PoolStatus pool) => new(
        pool.Name, pool.Target, pool.Warm, pool.Warming, pool.Leased, pool.Waiting, pool.Reason,
        Set(pool.Accelerator), Set(pool.AcceleratorReason), Set(pool.Endpoint),
        [.. pool.Vms.Select(Vm)],
        [.. pool.Events.Select(e => new EventView(At(e.At), Set(e.Vm), e.What))], Set(pool.Refill), Set(pool.RefillReason), Set(pool.Revision), Set(pool.Rollout));

    internal static LeaseView Lease(LeasedVm leased) => new(
        leased.Id, leased.Token, leased.ExpiresAt, leased.Ttl.TotalSeconds, Set(leased.Vm.Pool), Set(leased.Vm.Cpus), Set(leased.Vm.MemoryMib),
        Words.Of(leased.Vm.MadeBy), Words.Of(leased.Vm.Served), Set(leased.Vm.Pid), Set(leased.Host), Set(leased.Gateway), Set(leased.Qmp), Set(leased.Agent), Set(leased.Console),
        Set(leased.Share), Set(leased.Vm.SandboxId), Labels(leased.Vm),
        [.. leased.Timeline.Select(s => new StageView(s.Stage, Round(s.Took)))]);

    internal static ClusterView Cluster(ClusterStatus cluster) => new(
        Set(cluster.Name), Set(cluster.Id), cluster.Node, Set(cluster.Reason), [.. cluster.Hosts.Select(Host)]);

    private static HostView Host(Host host) => new(
        host.Node, Set(host.Address), Set(host.Gateway), Words.Of(host.State), Set(host.Version), host.MemoryMib > 0 ? host.MemoryMib : null,
        host.Labels.Count > 0 ? host.Labels.ToDictionary() : null,
        [
            .. host.Pools.Select(p => new HostPoolView(
                p.Pool, p.Warm, p.Warming, p.Leased, p.Target, p.Waiting, p.RefillTime is { } took ? Round(took.ToTimeSpan()) : null, Set(p.Revision))),
        ]);

    internal static AppliedPoolsView Applied(GetPoolsResponse response) => new(
        [.. response.Pools.Select(p => new AppliedPoolView(
            p.Pool, p.Version > 0 ? DateTimeOffset.FromUnixTimeMilliseconds(p.Version) : null, p.Text, Set(p.Undone), PoolText.HasTotal(p.Text) ? p.Share : null))],
        [.. response.HostPools.Select(p => new ConfiguredPoolView(p.Pool, p.Target))], Set(response.Problem));

    internal static WatchEventView Event(WatchEvent seen) => new(
        seen.Epoch, seen.Sequence, At(seen.At), Words.Of(seen.Kind), Set(seen.Pool), seen.Vm is null ? null : Vm(seen.Vm), Set(seen.Reason));

    internal static VmView Vm(Vm vm)
    {
        var leased = vm.State == VmState.Leased;
        return new VmView(
            vm.Id, Words.Of(vm.State), Set(vm.Pid), Set(vm.Cpus), Set(vm.MemoryMib), Words.Of(vm.MadeBy),
            leased ? Words.Of(vm.Served) : null, leased ? vm.Confirmed : null, leased ? At(vm.ConfirmBefore) : null,
            Set(vm.Qmp), Set(vm.Agent), Set(vm.Console), Set(vm.Share),
            Set(vm.Pool), Set(vm.SandboxId), At(vm.ExpiresAt), Labels(vm), vm.PssKib > 0 ? Math.Round(vm.PssKib / 1024.0, 1) : null,
            leased ? Words.Of(vm.HeldBy) : null, leased ? At(vm.HeldSince) : null, vm.HasClientConnected ? vm.ClientConnected : null,
            Set(vm.Obstacle), vm.HasUser ? vm.User : null);
    }

    private static Dictionary<string, string>? Labels(Vm vm) => vm.Labels.Count > 0 ? vm.Labels.ToDictionary() : null;

    private static double Round(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);

    private static long? Set(long number) => number > 0 ? number : null;

    private static uint? Set(uint number) => number > 0 ? number : null;

    private static string? Set(string text) => text.Length > 0 ? text : null;

    private static DateTimeOffset? At(Timestamp? time) => time?.ToDateTimeOffset();
}
