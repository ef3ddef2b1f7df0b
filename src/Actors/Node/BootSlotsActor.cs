using Akka.Actor;
using Akka.Event;
using VmCacheCluster.Actors.Pools;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// Bounds how many VMs of this host are being made at once, and shares that out: every pool that asks gets one slot in
/// its turn, however many it asked for, so no pool waits for another one's whole refill. While the host is short of memory
/// nobody gets one, and all who wait are told why.
/// </summary>
public sealed class BootSlotsActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly IHostMemory? _memory;
    private readonly MemoryLimits _limits;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Dictionary<IActorRef, Share> _shares = [];
    private Queue<IActorRef> _turns = new();
    private int _free;
    private bool _looking, _short;

    /// <param name="memory">Null: the host's memory is not looked at.</param>
    public BootSlotsActor(int slots, IHostMemory? memory, MemoryLimits limits)
    {
        (_free, _memory, _limits) = (slots, memory, limits);
        Receive<AskBootSlot>(ask => Ask(Sender, ask.MemoryBytes));
        Receive<ReturnBootSlot>(_ => Return(Sender));
        Receive<ForgetBootSlots>(_ => Forget(Sender));
        Receive<Terminated>(dead => Forget(dead.ActorRef));
        Receive<LookDue>(_ => Grant());
        Receive<Looked>(looked => { _looking = false; Grant(looked.Memory); });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private void Ask(IActorRef pool, long need)
    {
        if (!_shares.TryGetValue(pool, out var share))
        {
            _shares[pool] = share = new Share();
            Context.Watch(pool);
        }

        share.Asked.Enqueue(need);
        if (share.Asked.Count == 1) _turns.Enqueue(pool);
        Grant();
    }

    private void Return(IActorRef pool)
    {
        if (!_shares.TryGetValue(pool, out var share) || !share.Held.TryDequeue(out _)) return;
        _free++;
        Grant();
    }

    private void Forget(IActorRef pool)
    {
        if (_shares.Remove(pool, out var share)) _free += share.Held.Count;
        Grant();
    }

    private void Grant()
    {
        if (_free == 0 || _turns.Count == 0) return;
        if (_memory is null) Grant(null);
        else if (!_looking)
        {
            _looking = true;
            Task.Run(_memory.Read).PipeTo(Self, success: seen => new Looked(seen), failure: _ => new Looked(null));
        }
    }

    /// <summary>Who needs more than there is keeps its turn, and keeps nobody else from one.</summary>
    private void Grant(HostMemory? memory)
    {
        var withheld = new Queue<IActorRef>();
        string? reason = null;
        while (_free > 0 && _turns.TryDequeue(out var pool))
        {
            if (!_shares.TryGetValue(pool, out var share)) continue;
            if (memory is { } seen && MemoryPolicy.Obstacle(seen, _limits, Promised, share.Asked.Peek()) is { } obstacle)
            {
                reason = obstacle;
                withheld.Enqueue(pool);
                pool.Tell(new BootSlotWithheld(obstacle));
                continue;
            }

            _free--;
            share.Held.Enqueue(share.Asked.Dequeue());
            if (share.Asked.Count > 0) _turns.Enqueue(pool);
            pool.Tell(BootSlotGranted.Instance);
        }

        if (withheld.Count > 0) _turns = new Queue<IActorRef>(withheld.Concat(_turns));
        Tell(reason);
    }

    private void Tell(string? reason)
    {
        if (reason is not null) Timers.StartSingleTimer(nameof(LookDue), LookDue.Instance, LookAgain);
        if (_short == reason is not null) return;
        _short = !_short;
        if (_short) _log.Warning("no VMs are made: {0}", reason);
        else _log.Info("the host has memory again: VMs are made");
    }

    private long Promised => _shares.Values.Sum(share => share.Held.Sum());

    /// <summary>What each slot is to take of the host's memory.</summary>
    private sealed class Share
    {
        public Queue<long> Asked { get; } = new();

        public Queue<long> Held { get; } = new();
    }

    private sealed record Looked(HostMemory? Memory);
    private sealed record LookDue { public static readonly LookDue Instance = new(); }
}
