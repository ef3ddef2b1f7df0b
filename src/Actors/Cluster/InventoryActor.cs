using Akka.Actor;
using Akka.Cluster;
using Akka.DistributedData;
using Akka.Event;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;
using AkkaCluster = Akka.Cluster.Cluster;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// What each host has: one register of DistributedData a member, written by that member alone. Who exists is told by membership, never by
/// a register; the register of a member that is gone is deleted, and a node that comes back is another member with another one.
/// </summary>
public sealed class InventoryActor : ReceiveActor
{
    private readonly IReadOnlyList<IActorRef> _readers;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly AkkaCluster _cluster = AkkaCluster.Get(Context.System);
    private readonly IActorRef _replicator = DistributedData.Get(Context.System).Replicator;
    private readonly Dictionary<UniqueAddress, MemberSeen> _members = [];
    private readonly Dictionary<string, UniqueAddress> _keys = [];

    /// <param name="readers">Told of every change.</param>
    public InventoryActor(IReadOnlyList<IActorRef> readers)
    {
        _readers = readers;
        Receive<ClusterEvent.MemberRemoved>(removed => OnRemoved(removed.Member));
        Receive<ClusterEvent.IMemberEvent>(happened => See(happened.Member, reachable: null));
        Receive<ClusterEvent.UnreachableMember>(unreachable => See(unreachable.Member, reachable: false));
        Receive<ClusterEvent.ReachableMember>(reachable => See(reachable.Member, reachable: true));
        Receive<PublishCapacity>(OnPublish);
        Receive<Changed>(changed => OnReport(changed.Key.Id, ((LWWRegister<HostReport>)changed.Data).Value));
        Receive<UpdateSuccess>(_ => { });
        Receive<IUpdateFailure>(failure => _log.Error("what this host has could not be told to the cluster: {0}", failure.Cause?.Message ?? failure.GetType().Name));
        Receive<DeleteSuccess>(_ => { });
        Receive<DataDeleted>(_ => { });
        Receive<ReplicationDeleteFailure>(_ => { });
    }

    protected override void PreStart() => _cluster.Subscribe(
        Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent), typeof(ClusterEvent.IReachabilityEvent));

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    private static LWWRegisterKey<HostReport> KeyOf(UniqueAddress member) => new($"host/{member.Address.Host}:{member.Address.Port}/{(uint)member.Uid}");

    private void Tell(object news)
    {
        foreach (var reader in _readers) reader.Tell(news);
    }

    private void See(Member member, bool? reachable)
    {
        if (member.Status is MemberStatus.Removed) return;
        var key = KeyOf(member.UniqueAddress);
        if (!_members.TryGetValue(member.UniqueAddress, out var seen))
        {
            seen = new MemberSeen(member.UniqueAddress, NodeRole.NameOf(member), member.Status, Reachable: true, Capacity: null);
            _keys[key.Id] = member.UniqueAddress;
            _replicator.Tell(Dsl.Subscribe(key, Self));
        }

        seen = seen with { Status = member.Status, Reachable = reachable ?? seen.Reachable };
        _members[member.UniqueAddress] = seen;
        Tell(new MemberChanged(seen));
    }

    private void OnRemoved(Member member)
    {
        var key = KeyOf(member.UniqueAddress);
        if (!_members.Remove(member.UniqueAddress)) return;
        _keys.Remove(key.Id);
        _replicator.Tell(Dsl.Unsubscribe(key, Self));
        if (member.UniqueAddress != _cluster.SelfUniqueAddress) _replicator.Tell(Dsl.Delete(key, WriteLocal.Instance));
        Tell(new MemberGone(member.UniqueAddress));
    }

    private void OnPublish(PublishCapacity publish)
    {
        var report = Reports.Write(publish.Capacity);
        var node = _cluster.SelfUniqueAddress;
        _replicator.Tell(Dsl.Update(
            KeyOf(node), new LWWRegister<HostReport>(node, report), WriteLocal.Instance, register => register.WithValue(node, report)));
    }

    private void OnReport(string key, HostReport report)
    {
        if (!_keys.TryGetValue(key, out var member)) return;
        var seen = _members[member];
        if (Reports.Read(report) is not { } capacity)
        {
            _log.Warning("what {0} says it has makes no sense; VMs are not asked of it", member.Address);
            return;
        }

        if (seen.Name is { } name && capacity.Node != name)
        {
            _log.Warning("{0} joined as {1} and reports as {2}; VMs are not asked of it", member.Address, name, capacity.Node);
            return;
        }

        // The clock of a register's writer orders its writes; where that was set back, this does.
        if (seen.Capacity is { } known && known.Sequence >= capacity.Sequence) return;
        _members[member] = seen with { Capacity = capacity, Name = capacity.Node };
        Tell(new MemberChanged(_members[member]));
    }
}
