namespace VmCacheCluster.Hypervisor.Qemu.CommandLine;

/// <summary>Where a VM's guest comes from, and its memory with it.</summary>
public enum VmSource
{
    /// <summary>A kernel that boots, in memory of the VM's own.</summary>
    Boot,
    /// <summary>The same, in memory that is kept: <see cref="GivenFile.Memory"/>, shared.</summary>
    Template,
    /// <summary>A template: its memory, mapped privately, and its state, which comes over the monitor.</summary>
    Clone,
}
