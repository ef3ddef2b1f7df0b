namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Where the checkout is that these tests were built from.</summary>
public static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string directory)
    {
        for (var at = new DirectoryInfo(directory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "VmCacheCluster.sln"))) return at.FullName;
        }

        throw new DirectoryNotFoundException($"no VmCacheCluster.sln above {directory}: these tests run from a checkout");
    }
}
