using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>To the gateway: the idempotency keys that mean VMs of this host, or that callers wait with. Answered by <see cref="KeysHeld"/> or <see cref="KeysUnknown"/>.</summary>
/// <param name="Only">Whether it is one of them; null: all.</param>
public sealed record GetKeys(PoolKey? Only);

public sealed record KeysHeld(IReadOnlyList<PoolKey> Keys);

/// <param name="Why">For a person: why it cannot be said now.</param>
public sealed record KeysUnknown(string Why);

/// <summary>Gathers the pools' keys for one who asks: all of them, or none.</summary>
internal sealed class KeyCollector : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly List<PoolKey> _keys = [];
    private readonly IReadOnlyList<IActorRef> _pools;
    private readonly GetKeys _get;
    private int _answered;

    /// <param name="pools">One at least.</param>
    public KeyCollector(IReadOnlyList<IActorRef> pools, GetKeys get, IActorRef asker)
    {
        (_pools, _get) = (pools, get);
        Receive<KeysHeld>(held =>
        {
            _keys.AddRange(held.Keys);
            if (++_answered == _pools.Count) Finish(asker, new KeysHeld(_keys));
        });
        Receive<Late>(_ => Finish(asker, new KeysUnknown("a pool is too busy to say which keys its VMs have")));
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Timers.StartSingleTimer(nameof(Late), Late.Instance, Patience);
        foreach (var pool in _pools) pool.Tell(_get);
    }

    private static void Finish(IActorRef asker, object answer)
    {
        asker.Tell(answer);
        Context.Stop(Context.Self);
    }

    private sealed record Late { public static readonly Late Instance = new(); }
}
