using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Pools;

namespace VmCacheCluster.Actors.Node;

/// <summary>Has every pool give up its warm VMs, and tells one asker what that came to.</summary>
internal sealed class DrainCollector : ReceiveActor
{
    public const string Reason = "this host is drained: `vmcache node uncordon` opens it again, and so does a new start of vmcached";

    private readonly IReadOnlyCollection<IActorRef> _pools;
    private readonly IActorRef _asker;
    private int _answers, _givenUp, _leased;

    public DrainCollector(IReadOnlyCollection<IActorRef> pools, IActorRef asker)
    {
        (_pools, _asker) = (pools, asker);
        Receive<PoolDrained>(drained =>
        {
            (_givenUp, _leased) = (_givenUp + drained.GivenUp, _leased + drained.Leased);
            if (++_answers == _pools.Count) Finish();
        });
    }

    protected override void PreStart()
    {
        foreach (var pool in _pools) pool.Tell(new DrainPool(Reason));
        if (_pools.Count == 0) Finish();
    }

    private void Finish()
    {
        _asker.Tell(new NodeDrained(_givenUp, _leased));
        Context.Stop(Self);
    }
}
