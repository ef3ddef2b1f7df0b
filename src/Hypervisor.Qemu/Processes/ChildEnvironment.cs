namespace VmCacheCluster.Hypervisor.Qemu.Processes;

/// <summary>
/// What QEMU, virtiofsd, kata-proxy and a wrapper around them get of the daemon's environment. A daemon's environment may hold secrets of others
/// (tokens, passwords), and variables that change what a program does (LD_PRELOAD).
/// </summary>
internal static class ChildEnvironment
{
    private const string Locale = "LC_";

    private static readonly HashSet<string> Passed =
    [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR",
        // A wrapper that asks systemd for a scope.
        "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS",
        // packaging/kubernetes/qemu-in-scope.
        "VMCACHE_HOST_QEMU",
    ];

    /// <param name="own">The daemon's.</param>
    /// <param name="more">Further ones, each as NAME=VALUE.</param>
    /// <returns>Each as NAME=VALUE.</returns>
    public static IEnumerable<string> Of(IEnumerable<KeyValuePair<string, string>> own, IEnumerable<string> more)
        => own.Where(v => Passed.Contains(v.Key) || v.Key.StartsWith(Locale, StringComparison.Ordinal))
            .Select(v => $"{v.Key}={v.Value}")
            .Concat(more);
}
