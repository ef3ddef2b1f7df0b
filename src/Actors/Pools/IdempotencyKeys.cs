using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Pools;

/// <summary>
/// Which VM each idempotency key of a pool's leases means. Callers who ask with the key of a call that has no answer yet
/// wait for that one's.
/// </summary>
internal sealed class IdempotencyKeys
{
    private readonly Dictionary<string, (VmId Vm, string Digest)> _vms = [];
    private readonly Dictionary<VmId, string> _keys = [];
    private readonly Dictionary<string, Pending> _pending = [];

    public (VmId Vm, string Digest)? VmOf(string key) => _vms.TryGetValue(key, out var known) ? known : null;

    public void Leased(VmId id, LeaseRecord lease)
    {
        if (lease.IdempotencyKey.Length == 0) return;
        _vms[lease.IdempotencyKey] = (id, lease.RequestDigest);
        _keys[id] = lease.IdempotencyKey;
    }

    /// <summary>A VM is on its way to a caller of this key who has left: its lease is not known yet, and the VM is that key's all the same.</summary>
    public void Claimed(VmId id, LeaseWish wish)
    {
        _vms[wish.IdempotencyKey] = (id, LeaseRules.Digest(wish));
        _keys[id] = wish.IdempotencyKey;
    }

    /// <summary>That VM is not to be had.</summary>
    public void Unclaimed(VmId id, string key)
    {
        if (_keys.GetValueOrDefault(id) == key) Ended(id);
    }

    /// <summary>Keys that mean a VM, or that somebody waits with. Whoever has been refused or has left waits no longer, also before the pool hears of it.</summary>
    /// <param name="onTheWay">Whether a VM is on its way to the caller with this ticket, though it may have left.</param>
    public IReadOnlyList<string> All(Func<AcquireTicket, bool> onTheWay) => [.. _vms.Keys.Union(_pending.Where(p => p.Value.IsOpen || onTheWay(p.Value.First)).Select(p => p.Key))];

    public bool Has(string key, Func<AcquireTicket, bool> onTheWay)
        => _vms.ContainsKey(key) || (_pending.TryGetValue(key, out var pending) && (pending.IsOpen || onTheWay(pending.First)));

    public void Ended(VmId id)
    {
        if (_keys.Remove(id, out var key) && _vms.TryGetValue(key, out var known) && known.Vm == id) _vms.Remove(key);
    }

    public Admission Admit(AcquireBaseVm caller)
    {
        var key = caller.Wish!.IdempotencyKey;
        var digest = LeaseRules.Digest(caller.Wish);
        if (!_pending.TryGetValue(key, out var pending))
        {
            _pending.Add(key, new Pending(caller.Ticket, digest));
            return Admission.First;
        }

        if (pending.First == caller.Ticket) return Admission.FirstAgain;
        if (pending.Digest != digest) return Admission.Differs;
        pending.Others.Add(caller);
        return Admission.Waits;
    }

    /// <summary>How many wait for another's answer.</summary>
    public int Others => _pending.Values.Sum(p => p.Others.Count);

    /// <summary>A caller has its answer, or has left: whoever waited for it is to be served now.</summary>
    public IReadOnlyList<AcquireBaseVm> Settled(string key, AcquireTicket ticket)
        => _pending.TryGetValue(key, out var pending) && pending.First == ticket && _pending.Remove(key) ? pending.Others : [];

    /// <summary>Everybody who waits for another's answer.</summary>
    public IReadOnlyList<AcquireBaseVm> Clear() => [.. _pending.ToList().SelectMany(p => Settled(p.Key, p.Value.First))];

    private sealed record Pending(AcquireTicket First, string Digest)
    {
        public List<AcquireBaseVm> Others { get; } = [];

        public bool IsOpen => !First.Settled || Others.Exists(o => !o.Ticket.Settled);
    }
}

internal enum Admission
{
    /// <summary>It is the one to be served.</summary>
    First,
    /// <summary>It is that one, again.</summary>
    FirstAgain,
    /// <summary>It waits for the first one's answer.</summary>
    Waits,
    /// <summary>The key is another request's.</summary>
    Differs,
}
