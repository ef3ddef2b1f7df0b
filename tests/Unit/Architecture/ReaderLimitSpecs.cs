using System.Text;
using System.Text.Json;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Architecture;

/// <summary>The parsers of JSON and Protobuf, which are not ours, follow on the stack what is nested, as deep as they may.</summary>
public class ReaderLimitSpecs
{
    [Theory]
    [InlineData("MaxDepth =")]
    [InlineData("WithRecursionLimit")]
    [InlineData("CreateWithLimits")]
    public void Raises_no_limit_of_a_parser(string setting)
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(p => !p.Contains("/obj/", StringComparison.Ordinal) && !p.Contains("/bin/", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(sources);
        Assert.DoesNotContain(sources, path => File.ReadAllText(path).Contains(setting, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    [InlineData(30_000, false)]
    public void Reads_json_to_a_depth_that_no_stack_minds(int depth, bool reads)
    {
        var json = Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth));

        Assert.Equal(reads, Record.Exception(() => JsonDocument.Parse(json).Dispose()) is null);
        Assert.Equal(reads, Record.Exception(() => JsonSerializer.Deserialize<JsonElement>(json)) is null);
        Assert.Equal(reads, Record.Exception(() => Element(json)) is null);
    }

    private static JsonElement Element(byte[] json)
    {
        var reader = new Utf8JsonReader(json);
        return JsonElement.ParseValue(ref reader);
    }
}
