using System.Threading.Channels;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Gateway;

/// <summary>
/// To the gateway: tell what happens to VMs from here on. What happened after <paramref name="After"/> of the same
/// <paramref name="Epoch"/> is told first; if that is not known any more, or the epoch is another daemon's, a
/// <see cref="NodeEventKind.Reset"/> and every VM as a <see cref="NodeEventKind.Snapshot"/> come first.
/// </summary>
/// <param name="Pool">Only this pool's; null: all.</param>
/// <param name="Epoch">Empty: none is known.</param>
/// <param name="To">Bounded. A watcher that does not keep up is let go: the channel is completed with a fault.</param>
public sealed record WatchEvents(PoolName? Pool, string Epoch, ulong After, ChannelWriter<NodeEvent> To);

/// <summary>To the gateway: the watcher has left.</summary>
public sealed record UnwatchEvents(ChannelWriter<NodeEvent> To);

public enum NodeEventKind { Reset, Snapshot, Changed, Gone, PoolEvent }

/// <summary>Something that happened on this host.</summary>
/// <param name="Epoch">Of this run of the daemon: a sequence means nothing in another one.</param>
/// <param name="Sequence">Grows by one with each event of the epoch.</param>
/// <param name="Vm">As it is after it; null when it is about a pool.</param>
/// <param name="Reason">Why, for a person; empty when there is nothing to say.</param>
public sealed record NodeEvent(
    string Epoch, ulong Sequence, DateTimeOffset At, NodeEventKind Kind, PoolName? Pool, VmView? Vm, string Reason);
