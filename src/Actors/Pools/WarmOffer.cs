using Akka.Actor;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>A warm VM that is there to be taken: by one caller, or back by its pool. It is taken once.</summary>
public sealed class WarmOffer(VmId id, IActorRef vm)
{
    private volatile AcquireBaseVm? _caller;

    public VmId Id { get; } = id;

    public IActorRef Vm { get; } = vm;

    /// <summary>Who took it; null while it is on the shelf, and when its pool took it back.</summary>
    public AcquireBaseVm? Caller
    {
        get => _caller;
        internal set => _caller = value;
    }
}
