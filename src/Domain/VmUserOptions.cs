namespace VmCacheCluster.Domain;

/// <summary>Who VMs run as.</summary>
/// <param name="Range">Each VM has a user of these; null: all run as the daemon does.</param>
/// <param name="Reason">Why they do, for a person; empty: they do not.</param>
/// <param name="SetPriv">The program that changes users; where there is a range.</param>
public sealed record VmUserOptions(UserRange? Range, string Reason, string SetPriv = "");
