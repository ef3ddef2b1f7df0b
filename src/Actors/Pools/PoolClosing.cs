using Akka.Actor;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>How a pool is stopped or drained. Part of the pool's actor, and used by it alone.</summary>
internal sealed class PoolClosing(
    PoolName pool, IReadOnlyDictionary<VmId, Member> members, WarmShelf shelf, PoolCallers callers, PoolTemplate template, PoolMaking making, PoolGate gate)
{
    public void Stop(StopPool stop, IActorRef asker)
    {
        gate.StopAsker = asker;
        shelf.Withdraw(int.MaxValue);
        callers.RefuseWaiting(stop.Reason);
        making.End(stop.Reason);
        template.Stop();
        Finish();
    }

    /// <summary>Tells who asked, once it is so. What is warm is left for the next daemon, unless it was given up: then it is on its
    /// way out, told so or not yet.</summary>
    public void Finish()
    {
        if (!gate.Stopping || template.Stopping) return;
        // What cannot be ended now is ended by the next daemon.
        var going = members.Values.Where(m => !m.Life.Held && m.Life.Ending?.Obstacle is null);
        if (going.Any(m => gate.GivenUp is not null || (!m.Life.Pooled && m.Life.Phase != VmPhase.Adopting))) return;
        gate.StopAsker!.Tell(new PoolStopped(pool));
    }

    /// <returns>The pool takes callers again, and there is no template's actor: one is wanted now.</returns>
    public bool Cordon(CordonPool cordon) => Opens(() => gate.Cordon(cordon.Reason));

    /// <summary>There is such a pool (again).</summary>
    /// <returns>As <see cref="Cordon"/>.</returns>
    public bool Open() => Opens(() => gate.Retired = null);

    public void Retire(RetirePool retire)
    {
        gate.Retired = retire.Reason;
        GiveUp(retire.Reason);
    }

    public void Drain(DrainPool drain, IActorRef asker)
    {
        gate.Drained = drain.Reason;
        asker.Tell(new PoolDrained(pool, GiveUp(drain.Reason), members.Values.Count(m => m.Shown.Held)));
    }

    private bool Opens(Action change)
    {
        var before = gate.GivenUp;
        change();
        return before is not null && gate.GivenUp is null && !template.Renew();
    }

    /// <returns>How many VMs end.</returns>
    private int GiveUp(string reason)
    {
        callers.RefuseWaiting(reason);
        var offers = shelf.Withdraw(int.MaxValue);
        foreach (var offer in offers) offer.Vm.Tell(new StopVm(offer.Id, reason));
        var silent = members.Values.Where(m => m.Life.Phase == VmPhase.Unresponsive).ToList();
        foreach (var member in silent) member.Actor.Tell(new StopVm(member.Id, reason));
        // What is being adopted is ended as soon as it is warm.
        template.Stop();
        return offers.Count + silent.Count + making.End(reason) + members.Values.Count(m => m.Life.Phase == VmPhase.Adopting);
    }
}
