using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway;

/// <summary>How the host keeps its VMs apart.</summary>
/// <param name="Problems">What it does not do of it, for a person.</param>
public sealed record VmIsolation(VmUserOptions Users, IReadOnlyList<string> Problems);
