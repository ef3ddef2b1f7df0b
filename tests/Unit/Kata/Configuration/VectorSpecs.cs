using System.Text;
using System.Text.Json;
using VmCacheCluster.Kata;
using VmCacheCluster.Kata.Configuration;
using VmCacheCluster.Tests.TestSupport;
using Xunit;

namespace VmCacheCluster.Tests.Unit.Kata.Configuration;

/// <summary>Every recorded configuration.toml gives what Kata 3.5.0 makes of it.</summary>
public sealed class VectorSpecs
{
    public static TheoryData<string> Valid => Named(name => !name.StartsWith('e'));

    public static TheoryData<string> Faulty => Named(name => name.StartsWith('e'));

    [SkippableTheory]
    [MemberData(nameof(Valid))]
    public void Gives_the_bytes_of_katas_own_server(string name)
    {
        var read = new KataConfigurationReader(VectorHost.Of(name), target: KataTarget.Kata35).Read(VectorHost.File);

        Assert.Empty(read.Faults);
        var config = read.Configuration!.Vm.ToGrpc(KataTarget.Kata35);
        Assert.Equal(Text($"vectors/{name}/data.json"), config.Data.ToStringUtf8());
        Assert.Equal(Text($"vectors/{name}/agent.json"), config.AgentConfig.ToStringUtf8());
        using var meta = JsonDocument.Parse(Vectors.Read($"vectors/{name}/meta.json"));
        var factory = meta.RootElement.GetProperty("factory");
        Assert.Equal(
            new KataFactorySettings(
                factory.GetProperty("vmCacheNumber").GetInt32(), factory.GetProperty("vmCacheEndpoint").GetString()!,
                factory.GetProperty("enableTemplate").GetBoolean(), factory.GetProperty("templatePath").GetString()!),
            read.Configuration.Factory);
    }

    [SkippableTheory]
    [MemberData(nameof(Faulty))]
    public void Refuses_what_kata_refuses_in_katas_words(string name)
    {
        var read = new KataConfigurationReader(VectorHost.Of(name), target: KataTarget.Kata35).Read(VectorHost.File);

        Assert.Null(read.Configuration);
        Assert.Equal(Comparable(Text($"vectors/{name}/error.txt")), Comparable(read.Faults[0].Text));
    }

    /// <summary>The texts of a parser are its own: what counts is that it is a fault of TOML in the same file.</summary>
    private static string Comparable(string text)
    {
        var at = text.IndexOf("toml: ", StringComparison.Ordinal);
        return at < 0 ? text : text[..(at + 5)];
    }

    private static string Text(string name) => Encoding.UTF8.GetString(Vectors.Read(name)).TrimEnd('\n');

    private static TheoryData<string> Named(Func<string, bool> wanted)
    {
        var data = new TheoryData<string>();
        foreach (var name in Vectors.Names("vectors").Where(wanted)) data.Add(name);
        // A theory without cases is a failure; without vectors this one is skipped.
        if (data.Count == 0) data.Add("01-default-q35-image");
        return data;
    }
}
