namespace VmCacheCluster.Domain;

/// <summary>A VM's vCPUs and memory as they are: what it was started with and what was plugged since.</summary>
public readonly record struct VmSize(int Cpus, int MemoryMiB);

/// <summary>What came of plugging something into a VM.</summary>
/// <param name="Wanted">vCPUs, or MiB of memory.</param>
/// <param name="Done">How much of it the VM has now.</param>
/// <param name="Failure">Why it is less than was wanted; else null.</param>
public sealed record HotPlug(int Wanted, int Done, VmFailure? Failure);
