using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata;

/// <summary>Recorded formats of Kata's own code, kept beside the repository (../shared/kata).</summary>
internal static class Vectors
{
    public static byte[] Read(string name)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "VmCacheCluster.sln"))) root = root.Parent;
        Skip.If(root is null, "the repository's root was not found above the test's directory");
        // A second place: a working tree one level deeper.
        var file = new[] { "../shared/kata", "../../shared/kata" }
            .Select(relative => Path.GetFullPath(Path.Combine(root.FullName, relative, name)))
            .FirstOrDefault(File.Exists);
        Skip.If(file is null, $"the vector {name} is not beside the repository (../shared/kata)");
        return File.ReadAllBytes(file);
    }
}
