using Xunit;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>Recorded formats of Kata's own code, kept beside the repository (../shared/kata).</summary>
public static class Vectors
{
    public static byte[] Read(string name)
    {
        var root = Root();
        Skip.If(root is null, "the vectors are not beside the repository (../shared/kata)");
        var file = Path.Combine(root, name);
        Skip.IfNot(File.Exists(file), $"the vector {name} is not beside the repository (../shared/kata)");
        return File.ReadAllBytes(file);
    }

    /// <summary>The directories of a directory; none when the vectors are not there.</summary>
    public static IReadOnlyList<string> Names(string directory) =>
        Root() is { } root && Directory.Exists(Path.Combine(root, directory))
            ? [.. Directory.GetDirectories(Path.Combine(root, directory)).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>The files below a directory, relative to it.</summary>
    public static IReadOnlyList<string> FilesOf(string directory)
    {
        var all = Path.Combine(Root() ?? "", directory);
        return [.. Directory.GetFiles(all, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(all, f))];
    }

    private static string? Root()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "VmCacheCluster.sln"))) root = root.Parent;
        // A second place: a working tree one level deeper.
        return root is null ? null : new[] { "../shared/kata", "../../shared/kata" }
            .Select(relative => Path.GetFullPath(Path.Combine(root.FullName, relative))).FirstOrDefault(Directory.Exists);
    }
}
