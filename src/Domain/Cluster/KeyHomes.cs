using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace VmCacheCluster.Domain;

/// <summary>Where a call goes whose idempotency key may be given a VM on any host.</summary>
public abstract record KeyRoute
{
    /// <summary>This node keeps the key.</summary>
    public sealed record Here : KeyRoute
    {
        public static readonly Here Instance = new();
    }

    public sealed record At(KeyMember Home) : KeyRoute;

    /// <param name="Why">For a person: why it cannot be known now whether the key has a VM.</param>
    public sealed record Unknown(string Why) : KeyRoute;
}

/// <summary>What becomes of a host that may have a VM of a key.</summary>
public abstract record KeyAnswer
{
    /// <summary>It is asked.</summary>
    public sealed record Asked : KeyAnswer
    {
        public static readonly Asked Instance = new();
    }

    /// <summary>It is no member any more, and its leases count no more.</summary>
    public sealed record Nobody : KeyAnswer
    {
        public static readonly Nobody Instance = new();
    }

    public sealed record Silent(string Why) : KeyAnswer;
}

/// <summary>
/// Every idempotency key of a lease that may be placed anywhere has one home among the full members, by rendezvous hash. The home alone has VMs
/// given for it, one at a time. What it knows is in its memory; the leases on the hosts are the truth. A host gives a VM for a key only to the
/// node that the host itself takes for the key's home, so that two nodes that see different members cannot both be obeyed.
/// </summary>
public static class KeyHomes
{
    /// <summary>
    /// A host that has been no member for less may be about to come back, with its leases: on a busy host a daemon that is started again has
    /// taken 70 s until it was a member.
    /// </summary>
    public static readonly TimeSpan Away = TimeSpan.FromMinutes(2);

    /// <summary>Of these nodes the one that keeps the key; null: there are none. The same on every node, in every version.</summary>
    public static KeyMember? HomeOf(PoolKey key, IEnumerable<KeyMember> members)
    {
        KeyMember? home = null;
        var (seed, most) = (Hash($"{key.Pool}/{key.Key}"), 0UL);
        foreach (var member in members)
        {
            if (!member.Full) continue;
            var score = Mix(seed ^ member.Seed);
            if (home is not null && (score < most || (score == most && string.CompareOrdinal(member.Node.Value, home.Node.Value) > 0))) continue;
            (home, most) = (member, score);
        }

        return home;
    }

    public static KeyRoute Route(KeyView view, PoolKey key)
    {
        if (view.Self is not { } self) return new KeyRoute.Unknown(view.Standing.Length > 0 ? $"this node is in no cluster now ({view.Standing})" : "this node is in no cluster now");
        return HomeOf(key, view.Members) switch
        {
            null => new KeyRoute.Unknown("the cluster has no full member yet"),
            var home when home.Node == self.Node => home.Uid == self.Uid ? KeyRoute.Here.Instance : new KeyRoute.Unknown("an earlier run of this node is still a member"),
            { Reachable: false } home => new KeyRoute.Unknown($"{home.Node}, which keeps the key, is not reached"),
            { Peer: null } home => new KeyRoute.Unknown($"{home.Node}, which keeps the key, has not said where it serves"),
            var home => new KeyRoute.At(home),
        };
    }

    /// <summary>Whether a host gives VMs for the key to this run of this node.</summary>
    public static bool Obeys(KeyView view, PoolKey key, NodeName node, long uid) => view.Self is not null && HomeOf(key, view.Members) is { } home && home.Node == node && home.Uid == uid;

    /// <summary>
    /// Whether this node has been the key's home ever since a version: then nobody else had a VM given for it. It has, when it comes before all
    /// who were full members at any time since.
    /// </summary>
    public static bool HasBeenHome(KeyView view, long since, PoolKey key)
        => since >= view.Floor && view.Self is { } self
            && HomeOf(key, view.Members.Concat(view.WasFull.Where(w => w.Value >= since).Select(w => new KeyMember(w.Key, 0, Full: true, Reachable: true, null)))) is { } home
            && home.Node == self.Node;

    /// <summary>Why not every host can be asked which keys it has VMs for; null: all can, and there is no other.</summary>
    public static string? WhyNotAsked(KeyView view)
        => view.Unnamed.Count > 0 ? $"the node at {view.Unnamed[0]} has not said its name"
            : view.Members.FirstOrDefault(m => !m.Reachable || (m.Peer is null && m.Node != view.Self?.Node)) is { } silent ? $"{silent.Node}, which may have a VM of the key, is not reached"
            : view.Gone.Count > 0 ? WhyGone(view.Gone[0])
            : null;

    /// <summary>Whether a host can be asked for a key's VM that it may have.</summary>
    public static KeyAnswer Ask(KeyView view, NodeName host) => view.Of(host) switch
    {
        { Reachable: true } => KeyAnswer.Asked.Instance,
        { } => new KeyAnswer.Silent($"{host}, which may have a VM of the key, is not reached"),
        null when view.Gone.Contains(host) => new KeyAnswer.Silent(WhyGone(host)),
        null => KeyAnswer.Nobody.Instance,
    };

    public static string WhyGone(NodeName gone) => $"{gone}, which may have a VM of the key, left less than {Away.TotalSeconds:0} s ago and may be about to come back";

    /// <summary>Why nothing new is placed from here; null: it may be. A part of the cluster that may be the smaller one, and be thrown out of it, gives no VM that the others could not know of.</summary>
    public static string? WhyNotPlaced(KeyView view)
    {
        var (full, reached) = (view.Members.Count(m => m.Full), view.Members.Count(m => m is { Full: true, Reachable: true }));
        return reached * 2 > full ? null : $"this node reaches {reached} of the {full} members, and more than half are needed";
    }

    /// <summary>Of the full members: two nodes with the same one agree on every key's home.</summary>
    public static ulong Digest(KeyView view)
        => Hash(string.Join('\n', view.Members.Where(m => m.Full).OrderBy(m => m.Node.Value, StringComparer.Ordinal).ThenBy(m => m.Uid).Select(m => $"{m.Node}/{m.Uid}")));

    internal static ulong Hash(string text) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>SplitMix64's: every bit of the result depends on every one of the value.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
