namespace VmCacheCluster.Tests.TestSupport;

/// <summary>The embedded guest's files: below VMCACHE_GUEST_DIR, or in the repository's dist/guest.</summary>
public sealed record GuestImage(string Kernel, string Initrd)
{
    /// <exception cref="FileNotFoundException">The image has not been built; says how to.</exception>
    public static GuestImage Find()
    {
        var directory = Environment.GetEnvironmentVariable("VMCACHE_GUEST_DIR") is { Length: > 0 } named
            ? named
            : Path.Combine(RepositoryRoot(), "dist", "guest");
        var image = new GuestImage(Path.Combine(directory, "vmlinuz"), Path.Combine(directory, "initrd.img"));
        foreach (var file in (string[])[image.Kernel, image.Initrd])
        {
            if (!File.Exists(file))
                throw new FileNotFoundException($"{file} is missing: run guest/build.sh, or set VMCACHE_GUEST_DIR to a built guest.", file);
        }

        return image;
    }

    private static string RepositoryRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "VmCacheCluster.sln"))) return directory.FullName;
        }

        throw new DirectoryNotFoundException($"no VmCacheCluster.sln above {AppContext.BaseDirectory}; set VMCACHE_GUEST_DIR to a built guest.");
    }
}
