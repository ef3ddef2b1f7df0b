using Akka.Actor;
using Akka.Cluster;
using Akka.Event;
using Akka.Remote;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;
using AkkaCluster = Akka.Cluster.Cluster;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>
/// Brings this node into the cluster and tells others whether they may come in. It knocks at seeds and former members until it is in; later
/// at those of them that are not in its cluster, so that two islands find each other: the smaller one gives way and joins again.
/// </summary>
public sealed class DoorActor : ReceiveActor, IWithTimers
{
    /// <summary>What nodes must agree on to be in one cluster.</summary>
    public const int Protocol = 1;

    private readonly ClusterPlan _plan;
    private readonly IClusterHost _host;
    private readonly TimeProvider _time;
    private readonly DoorTimes _times;
    private readonly IActorRef _placement;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly AkkaCluster _cluster = AkkaCluster.Get(Context.System);
    private readonly KnockRound _round;
    private readonly SkewWatch _skew;
    private readonly DoorPatience _patience;
    private ClusterMemory? _memory;
    private string _clusterId = "";
    private string _told = "";
    private bool _inside;
    private bool _givingWay;

    public DoorActor(ClusterPlan plan, ClusterPorts ports, IActorRef placement, DoorTimes times)
    {
        (_plan, _host, _time, _placement, _times) = (plan, ports.Cluster, ports.Time, placement, times);
        _round = new KnockRound(plan.Options.Advertise);
        _patience = ports.Patience;
        _skew = new SkewWatch(plan.Options.MaxClockSkew, ports.Time, _log);

        Receive<Recalled>(OnRecalled);
        Receive<StartRound>(_ => Resolve());
        Receive<Resolved>(OnResolved);
        Receive<Looked>(OnLooked);
        Receive<Knock>(OnKnock);
        Receive<KnockAnswer>(OnAnswer);
        Receive<RoundOver>(over => OnRoundOver(over.Number));
        Receive<Explained>(OnExplained);
        Receive<ClusterEvent.IMemberEvent>(OnMember);
        Receive<RememberNow>(_ => Remember());
        Receive<ThisActorSystemQuarantinedEvent>(_ => Leave("another node has cut this one off; it joins again as a new member"));
        Receive<ThrownOut>(_ => Context.System.Terminate());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(ThisActorSystemQuarantinedEvent));
        _cluster.Subscribe(Self, ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents, typeof(ClusterEvent.IMemberEvent));
        _host.RecallAsync(CancellationToken.None).PipeTo(Self, success: m => new Recalled(m), failure: e => new Recalled(null, e.Message));
    }

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    private void OnRecalled(Recalled recalled)
    {
        if (recalled.Problem is { } problem) _log.Error("what this node remembers of its cluster cannot be read ({0}); it joins as a new one", problem);
        _memory = recalled.Memory is { } memory && memory.ClusterName == _plan.Options.Name ? recalled.Memory : null;
        _clusterId = _memory?.ClusterId ?? "";
        if (_memory is not null) _placement.Tell(new ClusterRecalled(_memory));
        Resolve();
    }

    private void Resolve() => _host.ResolveAsync(_plan.Options.Seeds, CancellationToken.None)
        .PipeTo(Self, success: s => new Resolved(s), failure: e => new Resolved(new SeedsResolved([], [e.Message])));

    private void OnResolved(Resolved resolved)
    {
        var members = _inside ? Members().ToHashSet() : [];
        var number = _round.Begin(
            resolved.Seeds.Addresses.Concat(_memory?.Members ?? []).Where(a => !members.Contains(a)), resolved.Seeds.Problems);
        // What is wrong with a certificate, on either side, is found out before Akka connects: it would only say that it cannot.
        DistrustAsync(_round.Silent).PipeTo(Self, success: distrusted => new Looked(number, distrusted), failure: e => new Looked(number, []));
    }

    private async Task<IReadOnlyList<(NodeAddress At, string Reason)>> DistrustAsync(IReadOnlyList<NodeAddress> all)
    {
        var found = await Task.WhenAll(all.Select(async at => (at, await _host.WhyDistrustedAsync(at, CancellationToken.None).ConfigureAwait(false)))).ConfigureAwait(false);
        return [.. found.Where(f => f.Item2 is not null).Select(f => (f.at, f.Item2!))];
    }

    private void OnLooked(Looked looked)
    {
        if (!_round.IsNow(looked.Number)) return;
        var number = looked.Number;
        foreach (var (at, reason) in looked.Distrusted) _round.Distrust(at, reason);
        var knock = new Knock
        {
            Cluster = _plan.Options.Name,
            ClusterId = _clusterId,
            Protocol = Protocol,
            Version = _plan.Version,
            Node = _plan.Node.Value,
            Address = _plan.Options.Advertise.ToString(),
            UnixMilliseconds = _time.GetUtcNow().ToUnixTimeMilliseconds(),
            Round = number,
        };
        foreach (var at in _round.Open) Context.ActorSelection(PathOf(at)).Tell(knock);
        Timers.StartSingleTimer(nameof(RoundOver), new RoundOver(number), _times.Answer);
        if (_round.Open.Count == 0) OnRoundOver(number);
    }

    private ActorPath PathOf(NodeAddress at)
        => new RootActorPath(_cluster.SelfAddress.WithHost(at.Host).WithPort(at.Port)) / "user" / Self.Path.Name;

    private void OnKnock(Knock knock)
    {
        var refused = DoorRules.WhyRefused(
            knock, _plan, _clusterId, [.. _cluster.State.Members.Select(m => (NodeRole.NameOf(m), m.Address.ToNodeAddress()))]);
        _skew.Look(knock.Node, knock.UnixMilliseconds);
        if (refused is not null && _skew.MayTell("refused " + knock.Address)) _log.Warning("node {0} at {1} is not taken in: {2}", knock.Node, knock.Address, refused);
        var members = _inside ? Members().ToList() : [];
        var answer = new KnockAnswer
        {
            Refused = refused ?? "",
            Address = _plan.Options.Advertise.ToString(),
            ClusterId = _inside ? _clusterId : "",
            Members = (uint)members.Count,
            Lowest = members.Count > 0 ? members.Min().ToString() : "",
            KnowsYou = NodeAddress.TryParse(knock.Address, out var from) && _cluster.State.Members.Any(m => m.Address.ToNodeAddress() == from),
            Version = _plan.Version,
            Node = _plan.Node.Value,
            UnixMilliseconds = _time.GetUtcNow().ToUnixTimeMilliseconds(),
            Round = knock.Round,
        };
        Sender.Tell(answer);
    }

    private void OnAnswer(KnockAnswer answer)
    {
        if (!NodeAddress.TryParse(answer.Address, out var at)) return;
        _skew.Look(answer.Node, answer.UnixMilliseconds);
        // Reached by another name or address of it, it is meant all the same.
        if (!_round.Answered(answer.Round, at, Sender.Path.Address.ToNodeAddress(), DoorRules.Read(at, answer))) return;
        if (_inside && answer.Refused.Length == 0 && answer is { Members: > 0, KnowsYou: false }) Meet(at, answer);
        if (_round.Open.Count == 0) OnRoundOver(answer.Round);
    }

    /// <summary>An island of the same cluster.</summary>
    private void Meet(NodeAddress at, KnockAnswer island)
    {
        if (_givingWay || !NodeAddress.TryParse(island.Lowest, out var lowest)) return;
        var members = Members().ToList();
        if (members.Count == 0 || !JoinRules.GivesWay(members.Count, members.Min(), (int)island.Members, lowest)) return;
        Leave($"the cluster has come apart: {at} is with {island.Members} members, this node with {members.Count}; it joins those again");
    }

    private void OnRoundOver(long number)
    {
        if (!_round.Ends(number)) return;
        Timers.Cancel(nameof(RoundOver));
        if (_inside)
        {
            Again(_times.Islands);
            return;
        }

        // Who answered nothing is asked nothing more before it is known why: that is what a person wants to read.
        ExplainAsync(_round.Silent).PipeTo(Self, success: reasons => new Explained(number, reasons), failure: e => new Explained(number, new Dictionary<NodeAddress, Silence>()));
    }

    private async Task<IReadOnlyDictionary<NodeAddress, Silence>> ExplainAsync(IReadOnlyList<NodeAddress> silent)
    {
        var reasons = await Task.WhenAll(silent.Select(async at => (at, await _host.WhySilentAsync(at, CancellationToken.None).ConfigureAwait(false)))).ConfigureAwait(false);
        return reasons.ToDictionary(r => r.at, r => r.Item2);
    }

    private void OnExplained(Explained explained)
    {
        if (_inside) return;
        Again(_times.Outside);
        var step = JoinRules.Decide(_plan.Options.Advertise, _memory, _plan.Options.Bootstrap, _round.Result(explained.Reasons));
        switch (step)
        {
            case JoinStep.Join join:
                _clusterId = _round.IdAt(join.At) ?? _clusterId;
                Stand($"joining at {join.At}", joining: true);
                _cluster.Join(_cluster.SelfAddress.WithHost(join.At.Host).WithPort(join.At.Port));
                break;
            case JoinStep.Form form:
                _clusterId = form.ClusterId ?? Guid.NewGuid().ToString("N");
                _placement.Tell(new StandingChanged("", "the cluster is being formed"));
                _log.Info("the cluster {0} ({1}) is formed here{2}", _plan.Options.Name, _clusterId, form.ClusterId is null ? "" : " again");
                _cluster.Join(_cluster.SelfAddress);
                break;
            case JoinStep.Wait wait:
                Stand(string.Join("; ", _round.Problems.Append(wait.Reason)), awaited: wait.OthersWait);
                if (explained.Reasons.FirstOrDefault(r => r.Value.Listens) is { Key: { Host: not null } at } && _patience.IsOver()) StartAnew(at);
                break;
        }
    }

    /// <summary>A node whose Akka lost the one that this was before it was ended may never answer this one (seen with 1.5.74); it answers the next.</summary>
    private void StartAnew(NodeAddress at)
    {
        _log.Warning("{0} listens and has not answered for a while; this node's part of the cluster is started anew", at);
        Context.System.Terminate();
    }

    private void Again(TimeSpan after) => Timers.StartSingleTimer(nameof(StartRound), StartRound.Instance, after);

    private void OnMember(ClusterEvent.IMemberEvent happened)
    {
        if (happened.Member.UniqueAddress == _cluster.SelfUniqueAddress)
        {
            if (happened is ClusterEvent.MemberUp && !_inside)
            {
                _inside = true;
                _patience.Renew();
                // A node that founded a cluster and is ended at once must not found another one.
                if (_memory?.ClusterId != _clusterId) Keep([.. Members().Append(_plan.Options.Advertise).Distinct().Order()]);
                _log.Info("this node ({0}) is a member of the cluster {1}", _plan.Node, _plan.Options.Name);
                Stand("");
                Again(_times.Islands);
            }
            else if (happened is ClusterEvent.MemberRemoved or ClusterEvent.MemberDowned or ClusterEvent.MemberExited)
            {
                _inside = false;
                return;
            }
        }
        else if (happened is ClusterEvent.MemberUp or ClusterEvent.MemberRemoved && _inside)
        {
            _log.Info("node {0} at {1} is {2}", NodeRole.NameOf(happened.Member), happened.Member.Address.ToNodeAddress(), happened is ClusterEvent.MemberUp ? "a member" : "gone");
        }

        // Not at once: when this node is being ended, it sees all others removed.
        if (_inside) Timers.StartSingleTimer(nameof(RememberNow), RememberNow.Instance, _times.Remember);
    }

    private void Remember()
    {
        if (!_inside || _givingWay || _cluster.IsTerminated || _cluster.SelfMember.Status != MemberStatus.Up) return;
        Keep([.. Members().Order()]);
    }

    private void Keep(IReadOnlyList<NodeAddress> members)
    {
        List<NodeName> names = [.. Present().Select(NodeRole.NameOf).OfType<NodeName>().Append(_plan.Node).Distinct().OrderBy(n => n.Value, StringComparer.Ordinal)];
        var memory = new ClusterMemory(_plan.Options.Name, _clusterId, members) { Names = names, Former = _memory?.FormerBeside(names) ?? [] };
        if (_memory is { } known && known.SameAs(memory)) return;
        _memory = memory;
        _host.RememberAsync(memory, CancellationToken.None)
            .ContinueWith(task => _log.Error(task.Exception, "the cluster's members cannot be kept on disk; after a restart this node only knows its seeds"),
                CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private IEnumerable<Member> Present() => _cluster.State.Members.Where(m => m.Status is MemberStatus.Up or MemberStatus.WeaklyUp or MemberStatus.Leaving);

    private IEnumerable<NodeAddress> Members() => Present().Select(m => m.Address.ToNodeAddress());

    private void Leave(string why)
    {
        if (_givingWay) return;
        _givingWay = true;
        _log.Warning(why);
        Stand(why);
        // Those that see it go need not wait until they miss it.
        _cluster.Leave(_cluster.SelfAddress);
        Timers.StartSingleTimer(nameof(ThrownOut), ThrownOut.Instance, _times.Leaving);
    }

    private void Stand(string reason, bool joining = false, bool awaited = false)
    {
        _placement.Tell(new StandingChanged(_inside ? _clusterId : "", reason, joining || awaited));
        if (reason.Length > 0 && reason != _told && !_inside)
        {
            if (joining) _log.Info("this node is {0}", reason);
            else _log.Warning("this node is in no cluster: {0}", reason);
        }

        _told = reason;
    }

    private sealed record Recalled(ClusterMemory? Memory, string? Problem = null);
    private sealed record StartRound { public static readonly StartRound Instance = new(); }
    private sealed record Resolved(SeedsResolved Seeds);
    private sealed record Looked(long Number, IReadOnlyList<(NodeAddress At, string Reason)> Distrusted);
    private sealed record RoundOver(long Number);
    private sealed record Explained(long Number, IReadOnlyDictionary<NodeAddress, Silence> Reasons);
    private sealed record RememberNow { public static readonly RememberNow Instance = new(); }
    private sealed record ThrownOut { public static readonly ThrownOut Instance = new(); }
}

/// <summary>How often the door does what.</summary>
/// <param name="Answer">How long a knock is waited for.</param>
/// <param name="Outside">Between two rounds of a node that is in no cluster.</param>
/// <param name="Islands">Between two rounds of a member.</param>
/// <param name="Remember">From a change of members to its being kept.</param>
/// <param name="Leaving">How long a node that gives way waits to be let go.</param>
public sealed record DoorTimes(TimeSpan Answer, TimeSpan Outside, TimeSpan Islands, TimeSpan Remember, TimeSpan Leaving)
{
    public static readonly DoorTimes Usual = new(
        TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
}
