namespace VmCacheCluster.Domain.Ports;

/// <summary>How much memory the host has left.</summary>
public interface IHostMemory
{
    /// <summary>Takes some ten microseconds. Null: it cannot be told.</summary>
    HostMemory? Read();
}
