using System.Text.RegularExpressions;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Architecture;

/// <summary>Trees are removed by one part, which leaves no mount and follows no link. In the guest there is nothing of the host's.</summary>
public partial class RemovalSpecs
{
    [Fact]
    public void Removes_trees_in_one_place()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(p => !p.Contains("/obj/") && !p.Contains("/bin/") && !p.Contains("/src/Guest/")).ToList();

        Assert.NotEmpty(sources);
        Assert.DoesNotContain(sources, path => Recursive().IsMatch(File.ReadAllText(path)));
    }

    [Theory]
    [InlineData("Directory.Delete(path, recursive: true)")]
    [InlineData("Directory.Delete(Of(digest), true)")]
    [InlineData("new DirectoryInfo(path).Delete(true)")]
    [InlineData("root.Delete(recursive: deep)")]
    public void Knows_what_removes_a_tree(string code) => Assert.Matches(Recursive(), code);

    [Theory]
    [InlineData("Directory.Delete(path)")]
    [InlineData("File.Delete(Of(digest))")]
    [InlineData("TreeRemover.Remove(path)")]
    public void Knows_what_does_not(string code) => Assert.DoesNotMatch(Recursive(), code);

    [GeneratedRegex(@"\.Delete\((?>[^()]|(?<open>\()|(?<-open>\)))*(?<=[(,\s])(true\s*\)|recursive:)")]
    private static partial Regex Recursive();
}
