using System.Text.RegularExpressions;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Scripts;

/// <summary>SECURITY.md promises nothing that no test tries to break.</summary>
public sealed partial class SecuritySpecs
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Repository.Root, "SECURITY.md"));

    [Fact]
    public void Links_tests_that_there_are()
    {
        var links = Lines.SelectMany(line => Link().Matches(line)).ToList();

        Assert.NotEmpty(links);
        foreach (Match link in links)
        {
            var (type, test, file) = (link.Groups["type"].Value, link.Groups["test"].Value, link.Groups["file"].Value);
            var text = File.ReadAllText(Path.Combine(Repository.Root, file));
            Assert.Contains($"class {type}", text, StringComparison.Ordinal);
            Assert.Contains($" {test}(", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_a_test_for_each_promise()
    {
        var promises = Lines.SkipWhile(l => !l.StartsWith("| promise", StringComparison.Ordinal))
            .Where(l => l.StartsWith('|') && !l.StartsWith("| promise", StringComparison.Ordinal) && !l.StartsWith("|---", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(promises);
        Assert.All(promises, promise => Assert.Matches(Link(), promise));
    }

    [GeneratedRegex(@"\[(?<type>\w+)\.(?<test>\w+)\]\((?<file>tests/[^)]+\.cs)\)")]
    private static partial Regex Link();
}
