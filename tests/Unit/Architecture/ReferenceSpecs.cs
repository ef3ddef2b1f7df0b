using System.Text.RegularExpressions;
using System.Xml.Linq;
using VmCacheCluster.Tests.TestSupport;

namespace VmCacheCluster.Tests.Unit.Architecture;

/// <summary>Which project may know which: arrows point to Domain, and only the composition root knows all.</summary>
public class ReferenceSpecs
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Domain"] = [],
        ["Qmp"] = [],
        ["Agent"] = [],
        ["Contracts"] = [],
        ["Kata"] = ["Domain"],
        ["Actors"] = ["Domain"],
        ["Hypervisor.Qemu"] = ["Domain", "Qmp", "Agent"],
        ["Gateway"] = ["Actors", "Hypervisor.Qemu", "Kata", "Contracts"],
        ["Client"] = ["Contracts", "Kata", "Qmp", "Agent"],
        ["Cli"] = ["Client"],
        ["Guest"] = ["Agent"],
    };

    private static string Sources => Path.Combine(Repository.Root, "src");

    public static TheoryData<string> Projects()
    {
        var names = new TheoryData<string>();
        foreach (var directory in Directory.GetDirectories(Sources)) names.Add(Path.GetFileName(directory));
        return names;
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Refers_only_to_what_it_may_know(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"src/{project} is not in the table of this test");
        var file = XDocument.Load(Path.Combine(Sources, project, $"{project}.csproj"));
        var references = file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));

        Assert.Subset(Allowed[project].ToHashSet(), references.ToHashSet());
    }

    [Theory]
    [InlineData("Domain", "Akka|Grpc|Google|Microsoft\\.Extensions|System\\.Net|System\\.Diagnostics\\.Process")]
    [InlineData("Actors", "Grpc|System\\.IO\\.File|System\\.Net|VmCacheCluster\\.(Hypervisor|Qmp|Agent|Kata|Gateway)")]
    [InlineData("Qmp", "VmCacheCluster\\.(?!Qmp)")]
    [InlineData("Agent", "VmCacheCluster\\.(?!Agent)")]
    public void Uses_no_namespace_of_the_outside_world(string project, string forbidden)
    {
        var pattern = new Regex($@"^\s*(global )?using (static )?({forbidden})", RegexOptions.Multiline);
        var sources = SourcesOf(project).ToList();

        Assert.NotEmpty(sources);
        Assert.DoesNotContain(sources, path => pattern.IsMatch(File.ReadAllText(path)));
    }

    /// <summary>The types that cross the wire are generated; nothing else of the actors knows what they are written in.</summary>
    [Fact]
    public void Knows_the_wire_in_one_place()
        => Assert.All(
            SourcesOf("Actors").Where(p => Regex.IsMatch(File.ReadAllText(p), @"^using Google", RegexOptions.Multiline)),
            path => Assert.Contains("/Cluster/Wire/", path));

    [Fact]
    public void Keeps_the_mailbox_free_of_waiting_and_of_the_wall_clock()
    {
        var pattern = new Regex(@"ReceiveAsync<|DateTime(Offset)?\.(Utc)?Now|Thread\.Sleep|\.GetAwaiter\(\)\.GetResult|\.Wait\(\)");

        Assert.DoesNotContain(SourcesOf("Actors"), path => pattern.IsMatch(File.ReadAllText(path)));
    }

    [Fact]
    public void Asks_between_actors_only_at_the_edge()
        => Assert.Equal(
            ["VmCacheNodeHosting.cs"],
            SourcesOf("Actors").Where(p => Regex.IsMatch(File.ReadAllText(p), @"\.Ask<")).Select(Path.GetFileName));

    [Fact]
    public void Keeps_the_composition_root_small()
        => Assert.InRange(File.ReadLines(Path.Combine(Sources, "Gateway", "Program.cs")).Count(), 1, 60);

    private static IEnumerable<string> SourcesOf(string project)
        => Directory.EnumerateFiles(Path.Combine(Sources, project), "*.cs", SearchOption.AllDirectories)
            .Where(p => !p.Contains("/obj/") && !p.Contains("/bin/"));
}
