namespace VmCacheCluster.Domain.Ports;

/// <summary>The host's boot id and boot-time clock.</summary>
public interface IHostClock
{
    HostTime Now { get; }
}
