using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Actors.Vms;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// The warm VMs of a pool. The pool alone puts them here; any caller's thread takes one, and so spares itself the way
/// through the pool's mailbox: what a VM does for its caller is between the two. Every operation takes constant time.
/// </summary>
public sealed class WarmShelf
{
    private readonly Lock _gate = new();
    private readonly LinkedList<WarmOffer> _fresh = new();
    private readonly LinkedList<WarmOffer> _outdated = new();
    private readonly Dictionary<VmId, LinkedListNode<WarmOffer>> _nodes = [];

    private long _served;

    /// <summary>How many callers have taken one.</summary>
    public long Served => Interlocked.Read(ref _served);

    /// <summary>How many there are as the pool wants them now, and how many that are not.</summary>
    public (int Fresh, int Outdated) Count
    {
        get { lock (_gate) return (_fresh.Count, _outdated.Count); }
    }

    /// <summary>Puts a VM at the end of its queue; one that is here already is moved when its standing has changed.</summary>
    public void Put(WarmOffer offer, bool outdated)
    {
        var list = outdated ? _outdated : _fresh;
        lock (_gate)
        {
            if (_nodes.TryGetValue(offer.Id, out var node))
            {
                if (node.List == list) return;
                node.List!.Remove(node);
            }

            _nodes[offer.Id] = list.AddLast(offer);
        }
    }

    /// <summary>The longest warm VM, current ones first, becomes the caller's and is told so. False: there is none.</summary>
    public bool TryServe(AcquireBaseVm caller, Served served)
    {
        WarmOffer offer;
        lock (_gate)
        {
            if ((_fresh.First ?? _outdated.First) is not { } node) return false;
            offer = Remove(node);
            offer.Caller = caller;
            _served++;
        }

        offer.Vm.Tell(new ReserveVm(offer.Id, caller, served), Akka.Actor.ActorRefs.NoSender);
        return true;
    }

    /// <summary>The pool takes one back. False: it is not here, or not any more.</summary>
    public bool Withdraw(VmId id)
    {
        lock (_gate)
        {
            if (!_nodes.TryGetValue(id, out var node)) return false;
            Remove(node);
            return true;
        }
    }

    /// <summary>The pool takes back up to so many: outdated ones first, then the longest warm.</summary>
    public IReadOnlyList<WarmOffer> Withdraw(int most)
    {
        var taken = new List<WarmOffer>();
        lock (_gate)
        {
            while (taken.Count < most && (_outdated.First ?? _fresh.First) is { } node) taken.Add(Remove(node));
        }

        return taken;
    }

    private WarmOffer Remove(LinkedListNode<WarmOffer> node)
    {
        node.List!.Remove(node);
        _nodes.Remove(node.Value.Id);
        return node.Value;
    }
}
