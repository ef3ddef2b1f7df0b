using Akka.Actor;
using VmCacheCluster.Actors.Pools;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// Bounds how many VMs of this host are being made at once, and shares that out: every pool that asks gets one slot in
/// its turn, however many it asked for, so no pool waits for another one's whole refill.
/// </summary>
public sealed class BootSlotsActor : ReceiveActor
{
    private readonly Queue<IActorRef> _turns = new();
    private readonly Dictionary<IActorRef, Share> _shares = [];
    private int _free;

    public BootSlotsActor(int slots)
    {
        _free = slots;
        Receive<AskBootSlot>(_ => Ask(Sender));
        Receive<ReturnBootSlot>(_ => Return(Sender));
        Receive<ForgetBootSlots>(_ => Forget(Sender));
        Receive<Terminated>(dead => Forget(dead.ActorRef));
    }

    private void Ask(IActorRef pool)
    {
        if (!_shares.TryGetValue(pool, out var share))
        {
            _shares[pool] = share = new Share();
            Context.Watch(pool);
        }

        share.Asked++;
        if (share.Asked == 1) _turns.Enqueue(pool);
        Grant();
    }

    private void Return(IActorRef pool)
    {
        if (!_shares.TryGetValue(pool, out var share) || share.Held == 0) return;
        share.Held--;
        _free++;
        Grant();
    }

    private void Forget(IActorRef pool)
    {
        if (_shares.Remove(pool, out var share)) _free += share.Held;
        Grant();
    }

    private void Grant()
    {
        while (_free > 0 && _turns.TryDequeue(out var pool))
        {
            if (!_shares.TryGetValue(pool, out var share)) continue;
            _free--;
            share.Held++;
            if (--share.Asked > 0) _turns.Enqueue(pool);
            pool.Tell(BootSlotGranted.Instance);
        }
    }

    private sealed class Share
    {
        public int Asked;
        public int Held;
    }
}
