using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Node;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>Passes on what concerns one VM. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolSwitchboard(PoolName pool, IReadOnlyDictionary<VmId, Member> members, PoolViews views, Quarantine quarantine)
{
    /// <param name="asker">Who is answered, by the VM or that there is none.</param>
    public void ToVm(VmId id, object message, IActorRef asker)
    {
        if (members.TryGetValue(id, out var member)) member.Actor.Tell(message, asker);
        else asker.Tell(NoSuchVm(id));
    }

    public void Show(GetVm get, IActorRef asker)
        => asker.Tell(members.TryGetValue(get.Id, out var member) ? views.Vm(member) : NoSuchVm(get.Id));

    public void Announce(AnnounceVms announce, IActorRef self)
    {
        foreach (var id in members.Keys) announce.Gateway.Tell(new VmOwned(id, pool, Gone: false), self);
        announce.Gateway.Tell(new VmsAnnounced(pool), self);
    }

    private VmRefused NoSuchVm(VmId id) => quarantine.Refusal(id, $"pool {pool} has no VM {id}");
}
