namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>What ./build.sh --test made: the programs under test.</summary>
internal static class Dist
{
    private const string Variable = "VMCACHE_DIST";

    public static string Daemon => Find("vmcached");

    public static string Cli => Find("vmcache");

    public static string FakeQemu => Find("test/fake-qemu");

    public static string Guest => Find("guest/initrd.img");

    private static string Find(string name)
    {
        var directory = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? Path.GetFullPath(set) : Default();
        var path = Path.Combine(directory, name);
        return File.Exists(path)
            ? path
            : throw new InvalidOperationException($"{path} is missing: run ./build.sh --test first, or let {Variable} name a directory that has it");
    }

    private static string Default()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "VmCacheCluster.sln"))) return Path.Combine(at.FullName, "dist");
        throw new InvalidOperationException($"no VmCacheCluster.sln above {AppContext.BaseDirectory}: let {Variable} name the directory that ./build.sh --test fills");
    }
}
