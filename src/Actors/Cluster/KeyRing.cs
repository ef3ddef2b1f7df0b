using Akka.Actor;
using Akka.Cluster;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>The members as idempotency keys need them: which were full ones when, and which left lately. Part of the placement, and used by it alone.</summary>
internal sealed class KeyRing(NodeName self, TimeProvider time)
{
    /// <summary>Of so many nodes that were full members it is remembered when they were.</summary>
    private const int MostPast = 10_000;

    private readonly Dictionary<NodeName, long> _gone = [];
    private Dictionary<NodeName, long> _was = [];
    private HashSet<(NodeName Node, long Uid)> _full = [];
    private long _version = 1;
    private long _floor;
    private KeyView? _view;

    public void Changed(IReadOnlyCollection<MemberSeen> members)
    {
        _view = null;
        HashSet<(NodeName, long)> full = [.. members.Where(m => m is { Name: not null, Status: MemberStatus.Up }).Select(m => (m.Name!.Value, (long)m.Member.Uid))];
        foreach (var member in members) if (member.Name is { } there) _gone.Remove(there);
        if (full.SetEquals(_full)) return;
        _was = new Dictionary<NodeName, long>(_was);
        foreach (var (node, _) in _full) _was[node] = _version;
        if (_was.Count > MostPast) (_was, _floor) = ([], _version + 1);
        (_full, _version) = (full, _version + 1);
    }

    /// <summary>It was a member, and none is there that is called so.</summary>
    public void Left(NodeName node) => _gone[node] = time.GetTimestamp();

    public KeyView View(IReadOnlyCollection<MemberSeen> members, StandingChanged standing)
    {
        foreach (var (node, at) in _gone.ToList()) if (time.GetElapsedTime(at) >= KeyHomes.Away) _gone.Remove(node);
        if (standing.ClusterId.Length == 0) return KeyView.Outside(standing.Reason);
        _view ??= Of(members);
        return _view.Self is null ? KeyView.Outside("it is being joined") : _view with { Gone = [.. _gone.Keys] };
    }

    private KeyView Of(IReadOnlyCollection<MemberSeen> members)
    {
        List<KeyMember> named = [.. members.Where(m => m.Name is not null).Select(m => new KeyMember(m.Name!.Value, m.Member.Uid, m.Status == MemberStatus.Up, m.Reachable, m.Capacity?.Peer))];
        return new KeyView(
            named.FirstOrDefault(m => m.Node == self), "", named, [.. members.Where(m => m.Name is null).Select(m => $"{m.Member.Address.Host}:{m.Member.Address.Port}")],
            _version, _was, _floor, []);
    }
}
