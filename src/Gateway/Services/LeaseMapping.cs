using Google.Protobuf.WellKnownTypes;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>A lease, as vmcache.v1 says it.</summary>
public static class LeaseMapping
{
    public static AcquireResponse ToResponse(PoolName pool, BaseVmGranted granted, string host, string? gateway)
    {
        var lease = granted.Lease
            ?? throw new InvalidOperationException($"VM {granted.Facts.Id} was granted to a caller of vmcache.v1 without a lease");
        var life = new VmLife(VmPhase.Leased, HandOutPath.V1, granted.Served, Confirmed: lease.ConfirmBefore is null);
        var response = new AcquireResponse
        {
            Vm = V1Mapping.ToVm(new VmView(
                granted.Facts.Id, pool, life, granted.Facts.Spec, granted.Facts, lease.ConfirmBefore, granted.Grace,
                lease.Record, lease.ExpiresAt, lease.Size)),
            Lease = new Lease
            {
                Token = lease.Record.Token.Value,
                ExpiresAt = Timestamp.FromDateTimeOffset(lease.ExpiresAt),
                Ttl = Duration.FromTimeSpan(lease.Record.Ttl),
                GracePeriod = Duration.FromTimeSpan(granted.Grace),
            },
            Host = host,
            Gateway = gateway ?? "",
        };
        if (lease.ConfirmBefore is { } before) response.Lease.ConfirmBefore = Timestamp.FromDateTimeOffset(before);
        response.Timeline.AddRange(lease.Timeline.Select(s => new Stage { Stage_ = s.Stage, Duration = Duration.FromTimeSpan(s.Took) }));
        return response;
    }
}
