namespace VmCacheCluster.Hypervisor.Qemu.Users;

/// <summary>What a user may do that owns nothing and is in no group. Access lists beside the mode do not count. Links are followed.</summary>
internal static class Strangers
{
    /// <summary>Whether the file's content may be read, by a program that got it open.</summary>
    public static bool MayRead(string path) => Has(path, UnixFileMode.OtherRead);

    /// <returns>The directory or file that keeps it from being executed; null: nothing does.</returns>
    public static string? WhyNotExecute(string path)
    {
        foreach (var way in new[] { path, Target(path) })
            for (var at = Path.GetFullPath(way); at is not null; at = Path.GetDirectoryName(at))
                if (!Has(at, UnixFileMode.OtherExecute)) return at;
        return null;
    }

    private static string Target(string path) => new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;

    private static bool Has(string path, UnixFileMode right) => (File.GetUnixFileMode(Target(path)) & right) != 0;
}
