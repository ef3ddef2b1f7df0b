using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// Spreads pools that were applied: a host whose digest of them is another than this one's is asked for what it knows. Either side takes
/// what is newer, so that two that were apart come to know the same whichever asks first.
/// </summary>
public sealed class PoolNewsActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(3);

    private readonly NodeName _self;
    private readonly IAppliedPools _pools;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly CancellationTokenSource _whole = new();
    private readonly Dictionary<UniqueAddress, HostCapacity> _hosts = [];

    /// <summary>What each host knew when it was last asked: it has nothing new until that is otherwise.</summary>
    private readonly Dictionary<UniqueAddress, ulong> _heard = [];
    private UniqueAddress? _asked;

    public PoolNewsActor(NodeName self, IAppliedPools pools)
    {
        (_self, _pools) = (self, pools);
        Receive<MemberChanged>(changed => OnChanged(changed.Seen));
        Receive<MemberGone>(gone => Forget(gone.Member));
        Receive<Pulled>(OnPulled);
        Receive<AskDue>(_ => Ask());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PostStop() => _whole.Cancel();

    private void OnChanged(MemberSeen seen)
    {
        if (seen is { Reachable: true, Capacity: { } capacity } && capacity.Node != _self) _hosts[seen.Member] = capacity;
        else _hosts.Remove(seen.Member);
        Ask();
    }

    private void Forget(UniqueAddress member)
    {
        _hosts.Remove(member);
        _heard.Remove(member);
    }

    /// <summary>One at a time: what the first one tells is mostly what all others know.</summary>
    private void Ask()
    {
        if (_asked is not null || Timers.IsTimerActive(nameof(AskDue))) return;
        var mine = _pools.Digest;
        foreach (var (member, host) in _hosts)
        {
            if (host.PoolsKnown == 0 || host.PoolsKnown == mine || (_heard.TryGetValue(member, out var heard) && heard == host.PoolsKnown)) continue;
            _asked = member;
            _pools.PullAsync(host.Peer, _whole.Token).PipeTo(Self, success: () => new Pulled(member, host.PoolsKnown, null), failure: e => new Pulled(member, host.PoolsKnown, e));
            return;
        }
    }

    private void OnPulled(Pulled pulled)
    {
        _asked = null;
        if (pulled.Fault is null)
        {
            _heard[pulled.Member] = pulled.Known;
            Ask();
            return;
        }

        _log.Info("{0} could not be asked for its pools, and is asked again: {1}", pulled.Member.Address, pulled.Fault.Message);
        Timers.StartSingleTimer(nameof(AskDue), AskDue.Instance, Again);
    }

    private sealed record AskDue { public static readonly AskDue Instance = new(); }
    private sealed record Pulled(UniqueAddress Member, ulong Known, Exception? Fault);
}
