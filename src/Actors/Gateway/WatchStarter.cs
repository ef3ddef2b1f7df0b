using Akka.Actor;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// Lets somebody watch who knows nothing, or nothing of this run of the daemon: a reset, every VM as it is, then what
/// happened since it began to look. A change meanwhile may be in both.
/// </summary>
internal sealed class WatchStarter : ReceiveActor
{
    public WatchStarter(WatchEvents watch, EventJournal journal, IReadOnlyList<IActorRef> pools, bool starting)
    {
        var since = journal.Last;
        var self = Self;
        Context.ActorOf(Props.Create(() => new ViewCollector(pools, self, starting)));
        Receive<NodeView>(node =>
        {
            var pools = node.Pools.Where(p => watch.Pool is null || p.Name == watch.Pool);
            var snapshot = pools.SelectMany(p => p.Vms.Select(vm => journal.At(since, NodeEventKind.Snapshot, p.Name, vm)));
            var told = snapshot.Prepend(journal.At(since, NodeEventKind.Reset, watch.Pool, null)).All(watch.To.TryWrite);
            if (!told || !journal.TryWatch(watch.Pool, journal.Epoch, since, watch.To)) watch.To.TryComplete(new WatcherTooSlowException());
            Context.Stop(Self);
        });
    }
}
