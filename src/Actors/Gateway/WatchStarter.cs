using Akka.Actor;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// Lets somebody watch who knows nothing, or nothing of this run of the daemon: a reset, every VM as it is, then what
/// happened since it began to look. A change meanwhile may be in both.
/// </summary>
internal sealed class WatchStarter : ReceiveActor
{
    public WatchStarter(WatchEvents watch, EventJournal journal, IReadOnlyDictionary<PoolName, IActorRef> pools, bool starting)
    {
        var since = journal.Last;
        var self = Self;
        var empty = new NodeView([], starting);
        Context.ActorOf(Props.Create(() => new ViewCollector(pools.Values.ToList(), self, empty)));
        Receive<NodeView>(node =>
        {
            bool Watched(PoolName pool) => watch.Pool is null || pool == watch.Pool;
            Context.Stop(Self);
            if (pools.Keys.Where(Watched).Except(node.Pools.Select(p => p.Name)).Any())
            {
                watch.To.TryComplete(new PoolsNotHeardException());
                return;
            }

            var snapshot = node.Pools.Where(p => Watched(p.Name)).SelectMany(p => p.Vms.Select(vm => journal.At(since, NodeEventKind.Snapshot, p.Name, vm)));
            var told = snapshot.Prepend(journal.At(since, NodeEventKind.Reset, watch.Pool, null)).All(watch.To.TryWrite);
            if (!told || !journal.TryWatch(watch.Pool, journal.Epoch, since, watch.To)) watch.To.TryComplete(new WatcherTooSlowException());
        });
    }
}

/// <summary>A pool was too busy to say which VMs it has: a snapshot without them would tell that there are none.</summary>
public sealed class PoolsNotHeardException() : Exception("a pool did not say in time which VMs it has");
