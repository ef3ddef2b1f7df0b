namespace VmCacheCluster.Hypervisor.Qemu.ControlGroups;

/// <summary>The VMs' control group cannot be used; the message says why, and what to do.</summary>
public sealed class ControlGroupException(string message, Exception cause) : Exception(message, cause);
