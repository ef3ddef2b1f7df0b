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
        Context.ActorOf(Props.Create(() => new ViewCollector(pools, Self, starting)));
        Receive<NodeView>(node =>
        {
            watch.To.TryWrite(journal.At(since, NodeEventKind.Reset, watch.Pool, null));
            foreach (var pool in node.Pools.Where(p => watch.Pool is null || p.Name == watch.Pool))
                foreach (var vm in pool.Vms)
                    watch.To.TryWrite(journal.At(since, NodeEventKind.Snapshot, pool.Name, vm));
            if (!journal.TryWatch(watch.Pool, journal.Epoch, since, watch.To)) watch.To.TryComplete(new WatcherTooSlowException());
            Context.Stop(Self);
        });
    }
}
