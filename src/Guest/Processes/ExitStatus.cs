namespace VmCacheCluster.Guest.Processes;

/// <summary>How a process ended.</summary>
/// <param name="Status">Its exit status, or 128 + signal.</param>
/// <param name="Signal">The signal that killed it, 0 when it exited.</param>
internal readonly record struct ExitStatus(int Status, int Signal);
