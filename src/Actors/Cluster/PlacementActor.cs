using Akka.Actor;
using Akka.Cluster;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// Knows what the other hosts have, and says which one to ask. What it says is charged to that host until that reports anew, so that
/// callers who come together do not all go to one; a host that did not answer is left alone for a while.
/// </summary>
public sealed class PlacementActor : ReceiveActor
{
    /// <summary>How long a host that did not answer is not chosen, unless it reports before.</summary>
    public static readonly TimeSpan Suspension = TimeSpan.FromSeconds(3);

    private readonly NodeName _self;
    private readonly ClusterPorts _ports;
    private readonly Dictionary<UniqueAddress, MemberSeen> _members = [];
    private readonly Dictionary<NodeName, HostStanding> _hosts = [];
    private readonly Dictionary<string, NodeName> _tags = [];
    private readonly KeyRing _keys;
    private StandingChanged _standing;

    public PlacementActor(ClusterPlan plan, ClusterPorts ports)
    {
        (_self, _ports) = (plan.Node, ports);
        _keys = new KeyRing(plan.Node, ports.Time);
        _standing = new StandingChanged("", "this node is being started", Joining: plan.Options.ExpectsOthers);
        Receive<MemberChanged>(changed => OnChanged(changed.Seen));
        Receive<MemberGone>(gone => OnGone(gone.Member));
        Receive<StandingChanged>(standing => _standing = standing);
        Receive<ClusterRecalled>(recalled => OnRecalled(recalled.Memory));
        Receive<GetKeyView>(_ => Sender.Tell(_keys.View(_members.Values, _standing)));
        Receive<ChooseHost>(OnChoose);
        Receive<HostRefused>(OnRefused);
        Receive<HostFailed>(failed => Standing(failed.Node)?.Suspend(_ports.Time.GetUtcNow() + Suspension));
        Receive<FindHost>(OnFind);
        Receive<FindTemplate>(find => Sender.Tell(Holders(find.Digest)));
        Receive<RankHosts>(rank => Sender.Tell(new HostsRanked(PlacementRules.Ranked(All(), rank.Pool, rank.Affinity, rank.Count))));
        Receive<GetClusterSeen>(_ => Sender.Tell(new ClusterSeen(
            _standing.ClusterId, [.. _members.Values.OrderBy(m => m.Name?.Value, StringComparer.Ordinal)], _standing.Reason)));
    }

    private HostStanding? Standing(NodeName node) => _hosts.GetValueOrDefault(node);

    private void OnRecalled(ClusterMemory memory)
    {
        foreach (var name in memory.Former.Concat(memory.Names)) _tags.TryAdd(name.Tag, name);
        // Whoever was a member when this node was ended may have been ended with it.
        foreach (var name in memory.Names.Where(n => n != _self && _members.Values.All(m => m.Name != n))) _keys.Left(name);
    }

    private void OnChanged(MemberSeen seen)
    {
        _members[seen.Member] = seen;
        _keys.Changed(_members.Values);
        if (seen.Name is not { } name) return;
        _tags[name.Tag] = name;
        if (seen.Capacity is not { } capacity) return;
        if (Standing(name) is not { } standing || standing.Member != seen.Member) _hosts[name] = standing = new HostStanding(seen.Member, capacity);
        standing.Report(capacity);
        standing.Reachable = seen.Reachable && seen.Status is MemberStatus.Up or MemberStatus.WeaklyUp;
    }

    private void OnGone(UniqueAddress member)
    {
        if (!_members.Remove(member, out var seen)) return;
        if (seen.Name is { } name)
        {
            if (Standing(name)?.Member == member) _hosts.Remove(name);
            if (_members.Values.All(m => m.Name != name)) _keys.Left(name);
        }

        _keys.Changed(_members.Values);
    }

    private IEnumerable<HostCapacity> All() => _hosts.Values.Where(h => h.Reachable).Select(h => h.Estimate);

    /// <param name="than">One that is not meant.</param>
    private IEnumerable<HostCapacity> Others(NodeName? than = null)
    {
        var now = _ports.Time.GetUtcNow();
        return _hosts.Where(h => h.Key != (than ?? _self) && h.Value.MayBeAsked(now)).Select(h => h.Value.Estimate);
    }

    private void OnChoose(ChooseHost choose)
    {
        var host = choose.Warm
            ? PlacementRules.ChooseWarm(Others(choose.Here), choose.Pool, choose.Affinity, choose.Tried, _ports.Random)
            : PlacementRules.ChooseToMake(Others(choose.Here), choose.Pool, choose.Affinity, choose.Tried, _ports.Random);
        if (host is not null) Standing(host.Node)?.Charge(choose.Pool, choose.Warm);
        Sender.Tell(new HostChosen(host));
    }

    private void OnRefused(HostRefused refused)
    {
        if (Standing(refused.Node) is not { } standing) return;
        // A host speaks for itself alone.
        if (refused.Fresh is { } fresh && fresh.Node == refused.Node) standing.Report(fresh);
        else standing.HasNone(refused.Pool);
    }

    private TemplateFound Holders(TemplateDigest digest)
    {
        var others = _members.Values.Where(m => m is { Reachable: true, Status: MemberStatus.Up or MemberStatus.WeaklyUp } && m.Name != _self).ToList();
        return new TemplateFound(
            TemplateHolders.Choose(others.Select(m => m.Capacity).OfType<HostCapacity>(), digest, _ports.Random),
            MoreToCome: _standing.Joining || others.Any(m => m.Capacity is null));
    }

    private void OnFind(FindHost find)
    {
        NodeName? name = _tags.TryGetValue(find.Tag, out var known) ? known : null;
        Sender.Tell(new HostFound(name, name is { } n && Standing(n) is { Reachable: true } host ? host.Estimate : null, Doubt()));
    }

    private string Doubt()
    {
        // The inventory tells of this node last, when it has told of those who were there before.
        var inside = _standing.ClusterId.Length > 0 && _members.Values.Any(m => m is { Status: MemberStatus.Up } && m.Name == _self);
        return VmRoutes.Doubt(inside, _standing.Reason, _members.Values.Select(m => (m.Name, $"{m.Member.Address.Host}:{m.Member.Address.Port}", m.Reachable)));
    }
}

/// <summary>What is held of one host. Part of the placement, and used by it alone.</summary>
internal sealed class HostStanding(UniqueAddress member, HostCapacity capacity)
{
    private DateTimeOffset _suspended = DateTimeOffset.MinValue;

    public UniqueAddress Member { get; } = member;

    public bool Reachable { get; set; } = true;

    /// <summary>Its last report, less what was promised of it since.</summary>
    public HostCapacity Estimate { get; private set; } = capacity;

    public bool MayBeAsked(DateTimeOffset now) => Reachable && now >= _suspended;

    public void Report(HostCapacity fresh)
    {
        if (fresh.Sequence <= Estimate.Sequence) return;
        Estimate = fresh;
        _suspended = DateTimeOffset.MinValue;
    }

    public void Suspend(DateTimeOffset until) => _suspended = until;

    public void Charge(PoolName pool, bool warm) => Change(pool, p => warm ? p with { Warm = Math.Max(0, p.Warm - 1) } : p with { Waiting = p.Waiting + 1 });

    public void HasNone(PoolName pool) => Change(pool, p => p with { Warm = 0 });

    private void Change(PoolName pool, Func<PoolCapacity, PoolCapacity> change)
        => Estimate = Estimate with { Pools = [.. Estimate.Pools.Select(p => p.Pool == pool ? change(p) : p)] };
}
