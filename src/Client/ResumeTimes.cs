namespace VmCacheCluster.Client;

/// <summary>How long the steps of a resume took, from the first byte to QEMU on.</summary>
/// <param name="Cont">Until QEMU had resumed the VM.</param>
/// <param name="Reseed">The guest's random number generator.</param>
/// <param name="Clock">The guest's clock.</param>
/// <param name="Total">All of it, until the agent had answered.</param>
public sealed record ResumeTimes(TimeSpan Cont, TimeSpan Reseed, TimeSpan Clock, TimeSpan Total);
