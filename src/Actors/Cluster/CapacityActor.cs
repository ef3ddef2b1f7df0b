using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// Shares out totals over the hosts of the cluster, one for all of them, in a slow loop. A host is told its share until it reports it, and keeps it
/// whatever becomes of this actor or of the cluster. Nobody waits for it.
/// </summary>
public sealed class CapacityActor : ReceiveActor, IWithTimers
{
    private readonly IActorRef _placement;
    private readonly IAppliedPools _pools;
    private readonly TimeProvider _time;
    private readonly CapacityTimes _times;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    /// <summary>What each host last reported of each pool's total.</summary>
    private readonly Dictionary<(PoolName Pool, NodeName Node), (Shareholder As, DateTimeOffset At, long Round)> _last = [];
    private readonly Dictionary<PoolName, string> _told = [];
    private long _round;

    public CapacityActor(IActorRef placement, IAppliedPools pools, TimeProvider time, CapacityTimes times)
    {
        (_placement, _pools, _time, _times) = (placement, pools, time, times);
        Receive<DealDue>(_ => _placement.Tell(GetClusterSeen.Instance));
        Receive<ClusterSeen>(seen => Deal(seen.Members));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(DealDue), DealDue.Instance, TimeSpan.Zero, _times.Every);

    private void Deal(IReadOnlyList<MemberSeen> members)
    {
        var now = _time.GetUtcNow();
        _round++;
        foreach (var key in _last.Keys.Where(k => !_pools.Totals.ContainsKey(k.Pool)).ToList()) _last.Remove(key);
        Dictionary<NodeName, Shares> told = [];
        foreach (var (pool, total) in _pools.Totals)
        {
            var hosts = Holders(pool, members, now);
            var deal = CapacityRules.Deal(total, hosts);
            var next = CapacityRules.Step(deal, hosts);
            Say(pool, total, next, hosts);
            foreach (var host in hosts.Where(h => h.Standing != ShareStanding.Keeping && next[h.Node] != h.Share))
            {
                if (!told.TryGetValue(host.Node, out var shares)) told[host.Node] = shares = new Shares();
                shares.Pools[pool.Value] = next[host.Node];
            }
        }

        foreach (var member in members)
        {
            if (member is not { Reachable: true, Name: { } node } || !told.Remove(node, out var shares)) continue;
            Context.ActorSelection(new RootActorPath(member.Member.Address) / "user" / "host").Tell(shares);
        }
    }

    private List<Shareholder> Holders(PoolName pool, IReadOnlyList<MemberSeen> members, DateTimeOffset now)
    {
        foreach (var member in members)
        {
            if (member is not { Reachable: true, Status: MemberStatus.Up or MemberStatus.WeaklyUp, Capacity: { } host }) continue;
            if (host.Of(pool) is not { Shared: true } has) continue;
            var standing = host.State == HostState.Up ? ShareStanding.Taking : ShareStanding.Leaving;
            _last[(pool, host.Node)] = (new Shareholder(host.Node, standing, has.Target, has.Warm, has.Room, has.Demand), now, _round);
        }

        var there = members.Where(m => m.Name is not null).ToLookup(m => m.Name!.Value);
        List<Shareholder> holders = [];
        foreach (var (key, (host, at, round)) in _last.Where(l => l.Key.Pool == pool).ToList())
        {
            if (round == _round) holders.Add(host);
            else if (now - at < _times.Away || there[key.Node].Any(m => !m.Reachable)) holders.Add(host with { Standing = ShareStanding.Keeping });
            else _last.Remove(key);
        }

        return holders;
    }

    private void Say(PoolName pool, int total, IReadOnlyDictionary<NodeName, int> next, List<Shareholder> hosts)
    {
        var said = string.Join(", ", next.OrderBy(n => n.Key.Value, StringComparer.Ordinal).Select(n => $"{n.Key} {n.Value}"));
        if (_told.GetValueOrDefault(pool) == said) return;
        _told[pool] = said;
        _log.Info("pool {0}: its total of {1} is shared out: {2}", pool, total, said.Length > 0 ? said : "no host has the pool yet");
    }

    private sealed record DealDue { public static readonly DealDue Instance = new(); }
}

/// <param name="Every">How often it is looked whether shares are as they should be.</param>
/// <param name="Away">A host that is away for less is being restarted; its share waits for it.</param>
public sealed record CapacityTimes(TimeSpan Every, TimeSpan Away)
{
    public static readonly CapacityTimes Usual = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30));
}
