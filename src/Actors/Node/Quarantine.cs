using System.Collections.Concurrent;
using Akka.Event;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Actors.Node;

/// <summary>
/// The VMs of which it cannot be known whose they are. It outlives all actors of the host, which share it: a pool that has just found one
/// must not serve its key before the node has heard of it. From any thread.
/// </summary>
public sealed class Quarantine
{
    private readonly ConcurrentDictionary<VmId, (FoundVm Found, string Reason)> _vms = new();

    /// <summary>By id.</summary>
    public IReadOnlyList<QuarantinedVm> All =>
        [.. _vms.Values.Select(v => new QuarantinedVm(v.Found.Id, v.Found.Facts?.Spec.Pool, v.Found.Running, v.Reason))
            .OrderBy(v => v.Id.Value, StringComparer.Ordinal)];

    public void Add(IEnumerable<(FoundVm Found, string Reason)> astray, ILoggingAdapter log)
    {
        foreach (var (found, reason) in astray)
        {
            log.Warning("VM {0} is left alone: {1}", found.Id, reason);
            _vms[found.Id] = (found, reason);
        }
    }

    public void Remove(VmId id) => _vms.TryRemove(id, out _);

    public FoundVm? Find(VmId id) => _vms.TryGetValue(id, out var vm) ? vm.Found : null;

    /// <summary>What whoever asks for it is told; null: it is not here.</summary>
    public VmRefused? Refusal(VmId id) =>
        _vms.TryGetValue(id, out var vm) ? new VmRefused(id, RefusalKind.WrongState, Said(vm.Found, vm.Reason)) : null;

    /// <summary>The same of a VM that nobody else has.</summary>
    /// <param name="unknown">What is said where it is not here either.</param>
    public VmRefused Refusal(VmId id, string unknown) => Refusal(id) ?? new VmRefused(id, RefusalKind.NotFound, unknown);

    /// <summary>The keys of its VMs that may be this pool's, as far as they are known.</summary>
    public IEnumerable<string> KeysOf(PoolName pool) => Held(pool).Select(v => v.Lease.IdempotencyKey).Where(key => key.Length > 0);

    /// <summary>Why a request with such a key, or for such a sandbox, can have no VM; null: for all that is known here, it can.</summary>
    public string? WhyNot(PoolName pool, LeaseWish wish)
    {
        foreach (var (found, reason, lease) in Held(pool))
        {
            if (lease.IdempotencyKey.Length > 0 && lease.IdempotencyKey == wish.IdempotencyKey)
                return $"this idempotency key has a VM, and {Said(found, reason)}";
            if (lease.Sandbox is { } sandbox && sandbox == wish.Sandbox) return $"sandbox {sandbox} has a VM, and {Said(found, reason)}";
        }

        return null;
    }

    /// <summary>Those that run. One whose pool is not known may be any pool's.</summary>
    private IEnumerable<(FoundVm Found, string Reason, LeaseRecord Lease)> Held(PoolName pool)
    {
        // Not by Values, which locks and copies: each acquire asks.
        foreach (var (_, (found, reason)) in _vms)
            if (found is { Running: not null, MayBeHeldBy: { } lease } && (found.Facts is null || found.Facts.Spec.Pool == pool))
                yield return (found, reason, lease);
    }

    private static string Said(FoundVm found, string reason) =>
        $"VM {found.Id} is quarantined: {reason}; `vmcache node reap {found.Id}` ends it";
}
