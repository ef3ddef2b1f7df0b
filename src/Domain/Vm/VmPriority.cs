namespace VmCacheCluster.Domain;

/// <summary>How a VM's process competes for the host's CPUs.</summary>
public enum VmPriority
{
    /// <summary>As every other process.</summary>
    Normal,
    /// <summary>It gets what the others leave, and a tenth of what one of them gets: nobody waits for it yet.</summary>
    Background,
}
