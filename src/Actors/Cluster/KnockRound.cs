using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Cluster;

/// <summary>One round of knocking: who was asked, and what came of it. Part of the door, and used by it alone.</summary>
internal sealed class KnockRound(NodeAddress self)
{
    private readonly Dictionary<NodeAddress, Knocked> _answers = [];
    private readonly HashSet<NodeAddress> _open = [];
    private long _number;
    private bool _over = true;

    /// <summary>Addresses that have not answered.</summary>
    public IReadOnlySet<NodeAddress> Open => _open;

    public IReadOnlyList<NodeAddress> Silent => [.. _open];

    public IReadOnlyList<string> Problems { get; private set; } = [];

    public long Begin(IEnumerable<NodeAddress> at, IReadOnlyList<string> problems)
    {
        _answers.Clear();
        _open.Clear();
        _open.UnionWith(at);
        _open.Remove(self);
        Problems = problems;
        _over = false;
        return ++_number;
    }

    /// <param name="at">What it calls itself.</param>
    /// <param name="asked">What it was called.</param>
    /// <returns>False: it is an answer to another round.</returns>
    public bool Answered(long number, NodeAddress at, NodeAddress asked, Knocked knocked)
    {
        if (_over || number != _number) return false;
        _open.Remove(at);
        _open.Remove(asked);
        _answers[at] = knocked;
        return true;
    }

    /// <summary>A node that must not be knocked at, and why.</summary>
    public void Distrust(NodeAddress at, string reason)
    {
        if (_open.Remove(at)) _answers[at] = new Knocked.Silent(at, reason);
    }

    public bool IsNow(long number) => !_over && number == _number;

    /// <returns>False: it had ended already.</returns>
    public bool Ends(long number)
    {
        if (_over || number != _number) return false;
        return _over = true;
    }

    public string? IdAt(NodeAddress at) => _answers.GetValueOrDefault(at) is Knocked.Member member ? member.ClusterId : null;

    public IReadOnlyCollection<Knocked> Result(IReadOnlyDictionary<NodeAddress, Silence> reasons)
        => [.. _answers.Values, .. _open.Select(at => new Knocked.Silent(at, reasons.GetValueOrDefault(at)?.Reason ?? "it does not answer"))];
}
