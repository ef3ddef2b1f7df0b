namespace VmCacheCluster.Gateway.Audit;

/// <summary>The calls that change something, or that reach into a VM.</summary>
public static class AuditedCalls
{
    private static readonly HashSet<string> Audited =
    [
        "/cache.CacheService/GetBaseVM", "/cache.CacheService/Quit",
        // Not Renew: it changes nothing that Acquire has not granted, and comes every few seconds.
        "/vmcache.v1.VmCache/Acquire", "/vmcache.v1.VmCache/Release", "/vmcache.v1.VmCache/Exec", "/vmcache.v1.VmCache/Connect",
        "/vmcache.v1.Admin/Drain", "/vmcache.v1.Admin/Cordon", "/vmcache.v1.Admin/Uncordon", "/vmcache.v1.Admin/ApplyPools", "/vmcache.v1.Admin/DeletePool",
        "/vmcache.v1.Admin/Reap", "/vmcache.v1.Admin/ProveKvm",
    ];

    private static readonly HashSet<string> Unaudited =
    [
        "/cache.CacheService/Config", "/cache.CacheService/Status",
        "/vmcache.v1.VmCache/Renew", "/vmcache.v1.VmCache/Get", "/vmcache.v1.VmCache/List", "/vmcache.v1.VmCache/Watch", "/vmcache.v1.VmCache/ListHosts",
        "/vmcache.v1.Admin/GetStatus", "/vmcache.v1.Admin/GetPools", "/vmcache.v1.Admin/GetCluster",
    ];

    public static bool Contains(string path) => Audited.Contains(path);

    /// <summary>Whether it was decided of the method if its calls are audited.</summary>
    internal static bool Knows(string path) => Audited.Contains(path) || Unaudited.Contains(path);
}
