using Xunit;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Finds the published fake of QEMU: VMCACHE_FAKE_QEMU, else dist/test/fake-qemu of this repository.</summary>
public static class FakeQemuBinary
{
    public const string Variable = "VMCACHE_FAKE_QEMU";

    /// <exception cref="FileNotFoundException">It is not there; the message says what to do.</exception>
    public static string Path => Find() ?? throw new FileNotFoundException(Missing());

    /// <summary>Skips the calling test (a SkippableFact) when the binary is not there, and gives its path when it is.</summary>
    public static string PathOrSkip()
    {
        var path = Find();
        Skip.If(path is null, Missing());
        return path!;
    }

    private static string? Find() => File.Exists(Wanted()) ? Wanted() : null;

    private static string Missing() => $"{Wanted()} is not there: run ./build.sh, or set {Variable} to a fake-qemu";

    private static string Wanted()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given) return given;
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "VmCacheCluster.sln"))) folder = folder.Parent;
        return System.IO.Path.Combine(folder?.FullName ?? "", "dist", "test", "fake-qemu");
    }
}
