using Akka.Actor;
using Akka.Cluster;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>What a host brings into its cluster.</summary>
/// <param name="Host">What it says of itself.</param>
public sealed record ClusterPlan(ClusterOptions Options, HostFace Host)
{
    public NodeName Node => Options.Node;

    public string Version => Host.Version;
}

/// <summary>What of a host stays as it is while its daemon runs.</summary>
/// <param name="Peer">Where it serves the other nodes.</param>
/// <param name="Gateway">Where everybody gets its vmcache.v1 on TCP; null: nowhere.</param>
/// <param name="Version">Of its daemon.</param>
public sealed record HostFace(NodeName Node, NodeAddress Peer, NodeAddress? Gateway, string Version, IReadOnlyDictionary<string, string> Labels);

/// <param name="Host">The host's gateway actor.</param>
/// <param name="Memory">Null: what VMs may take of the host's memory is not told.</param>
public sealed record ClusterPorts(IClusterHost Cluster, IActorRef Host, EventJournal Journal, TimeProvider Time, Func<double> Random, IHostMemory? Memory = null)
{
    /// <summary>What other nodes know of this host, across incarnations of the cluster's actor system.</summary>
    public ReportSequence Sequence { get; init; } = new();

    /// <summary>The pools that were applied; null: the host has none but its own.</summary>
    public IAppliedPools? Pools { get; init; }

    /// <summary>What of the host's templates others may have; null: nothing.</summary>
    public ITemplateLender? Templates { get; init; }

    /// <summary>With nodes that do not answer, across incarnations too.</summary>
    public DoorPatience Patience { get; init; } = new();

    public CapacityTimes Dealing { get; init; } = CapacityTimes.Usual;

    /// <summary>The only way from the host's calls into the cluster.</summary>
    public ClusterFace Face { get; init; } = new();
}

/// <summary>Numbers reports so that of two the newer is known.</summary>
public sealed class ReportSequence
{
    private long _last;

    public long Next() => Interlocked.Increment(ref _last);
}

/// <summary>How many rounds of knocking a node that listens may leave unanswered: 4, then twice as many each time, up to 64.</summary>
public sealed class DoorPatience
{
    private const int First = 4, Most = 64;

    private int _most = First;
    private int _left = First;

    /// <summary>One more was unanswered.</summary>
    public bool IsOver()
    {
        if (--_left > 0) return false;
        _left = _most = Math.Min(_most * 2, Most);
        return true;
    }

    public void Renew() => _left = _most = First;
}

/// <summary>A member of the cluster as this node sees it.</summary>
/// <param name="Name">Null: it has not said it in a way that is understood.</param>
/// <param name="Capacity">Null: its report has not come yet.</param>
public sealed record MemberSeen(UniqueAddress Member, NodeName? Name, MemberStatus Status, bool Reachable, HostCapacity? Capacity);

/// <summary>From the inventory: a member is there, or is otherwise than it was.</summary>
public sealed record MemberChanged(MemberSeen Seen);

/// <summary>From the inventory: a member is no longer one.</summary>
public sealed record MemberGone(UniqueAddress Member);

/// <summary>To the placement: which host to ask. Answered by <see cref="HostChosen"/>.</summary>
/// <param name="Warm">For a warm VM; else for one that is made.</param>
/// <param name="Tried">Hosts that are out of the question.</param>
/// <param name="Here">The host that the caller asked, which is not chosen; null: this one.</param>
public sealed record ChooseHost(bool Warm, PoolName Pool, IReadOnlyDictionary<string, string> Affinity, IReadOnlySet<NodeName> Tried, NodeName? Here = null);

/// <param name="Host">Null: none is known.</param>
public sealed record HostChosen(HostCapacity? Host);

/// <summary>To the placement: a host that was chosen has no such VM.</summary>
/// <param name="Fresh">What it has; null: it did not say.</param>
public sealed record HostRefused(NodeName Node, PoolName Pool, HostCapacity? Fresh);

/// <summary>To the placement: a host that was chosen did not answer.</summary>
public sealed record HostFailed(NodeName Node);

/// <summary>To the placement: the host whose VMs' ids begin with this. Answered by <see cref="HostFound"/>.</summary>
public sealed record FindHost(string Tag);

/// <param name="Name">Null: no such host was seen.</param>
/// <param name="Host">Null: it is no member now, or has not reported.</param>
/// <param name="Doubt">Why there may be a host that this node does not know; empty: it knows all.</param>
public sealed record HostFound(NodeName? Name, HostCapacity? Host, string Doubt);

/// <summary>From the door to the placement: the cluster as this node remembers it.</summary>
public sealed record ClusterRecalled(ClusterMemory Memory);

/// <summary>To the placement: the members, as idempotency keys need them. Answered by <see cref="KeyView"/>.</summary>
public sealed record GetKeyView
{
    public static readonly GetKeyView Instance = new();
}

/// <summary>To the placement: the hosts of a pool, the best first. Answered by <see cref="HostsRanked"/>.</summary>
public sealed record RankHosts(PoolName Pool, IReadOnlyDictionary<string, string> Affinity, int Count);

public sealed record HostsRanked(IReadOnlyList<HostCapacity> Hosts);

/// <summary>To the placement: who has a template. Answered by <see cref="TemplateFound"/>.</summary>
public sealed record FindTemplate(TemplateDigest Digest);

/// <param name="Hosts">In the order in which they are to be asked.</param>
/// <param name="MoreToCome">This node is about to know hosts that it does not know yet.</param>
public sealed record TemplateFound(IReadOnlyList<HostCapacity> Hosts, bool MoreToCome);

/// <summary>To the placement: everything that is known of the cluster. Answered by <see cref="ClusterSeen"/>.</summary>
public sealed record GetClusterSeen
{
    public static readonly GetClusterSeen Instance = new();
}

/// <param name="Reason">Why this node is in no cluster, or what is wrong with it; empty: all is well.</param>
public sealed record ClusterSeen(string ClusterId, IReadOnlyList<MemberSeen> Members, string Reason);

/// <summary>From the door to the placement: how this node stands.</summary>
/// <param name="Joining">It is in no cluster, and may come into one at any moment.</param>
public sealed record StandingChanged(string ClusterId, string Reason, bool Joining = false);

/// <summary>From the bridge to the inventory: what this host has.</summary>
public sealed record PublishCapacity(HostCapacity Capacity);
