using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Actors.Vms;

/// <summary>The lease of a VM that is held by vmcache.v1, as the VM's actor keeps it.</summary>
internal sealed class HeldLease(LeaseRecord record)
{
    public LeaseRecord Record { get; } = record;

    /// <summary>Null until the VM is prepared.</summary>
    public HostTime? Expires { get; private set; }

    public DateTimeOffset? ExpiresAt { get; private set; }

    /// <summary>Of its preparation; empty after a restart.</summary>
    public IReadOnlyList<StageTime> Timeline { get; set; } = [];

    public static HeldLease Of(LeaseWish wish, LeaseLimits limits) => new(new LeaseRecord(
        LeaseToken.New(), wish.IdempotencyKey, LeaseRules.Digest(wish), wish.Sandbox, wish.Labels, wish.Ttl ?? limits.Ttl,
        wish.ClientHoldsAgent));

    public void ExtendBy(TimeSpan ttl, VmPorts ports)
    {
        var now = ports.Clock.Now;
        Expires = now with { SinceBoot = now.SinceBoot + ttl };
        ExpiresAt = ports.Time.GetUtcNow() + ttl;
    }

    /// <summary>As an earlier process of the daemon recorded it.</summary>
    public void Restore(HostTime? expires, VmPorts ports)
    {
        Expires = expires;
        if (Left(ports) is { } left) ExpiresAt = ports.Time.GetUtcNow() + left;
    }

    /// <summary>Until it expires, at least a tick; null until the VM is prepared.</summary>
    public TimeSpan? Left(VmPorts ports)
    {
        if (Expires is not { } end) return null;
        var now = ports.Clock.Now;
        var left = now.BootId == end.BootId ? end.SinceBoot - now.SinceBoot : TimeSpan.Zero;
        return left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1);
    }
}
