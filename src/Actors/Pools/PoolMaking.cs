using Akka.Actor;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>The VMs of a pool that are being made. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolMaking(IReadOnlyDictionary<VmId, Member> members, IActorRef slots)
{
    public int Count { get; private set; }

    public void Begun(Member member)
    {
        if (member.Life.Making) Count++;
    }

    public void Done(Member member)
    {
        Count--;
        if (!member.HoldsSlot) return;
        member.HoldsSlot = false;
        slots.Tell(ReturnBootSlot.Instance);
    }

    /// <summary>As many as there are callers who wait compete with the VMs in use; the others are made in the background.</summary>
    public void Hurry(int waiting)
    {
        if (waiting == 0 || Count == 0) return;
        var making = members.Values.Where(m => m.Life.Making).ToList();
        foreach (var member in making.Where(m => !m.Hurried).Take(Math.Max(0, waiting - making.Count(m => m.Hurried))))
        {
            member.Hurried = true;
            member.Actor.Tell(new HurryVm(member.Id));
        }
    }

    /// <summary>A VM that is being adopted is a warm one.</summary>
    /// <param name="which">Null: all.</param>
    /// <returns>How many are ended.</returns>
    public int End(string reason, Func<Member, bool>? which = null)
    {
        var making = members.Values.Where(m => m.Life.Making && m.Life.Phase != VmPhase.Adopting && which?.Invoke(m) != false).ToList();
        foreach (var member in making) member.Actor.Tell(new StopVm(member.Id, reason));
        return making.Count;
    }
}
