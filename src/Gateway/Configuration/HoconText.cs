using VmCacheCluster.Gateway.Configuration.Hocon;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>
/// Reads HOCON, also from strangers, in time and memory in proportion to the text (docs/adr/0021). What it costs is bounded by
/// <see cref="HoconLimits"/>.
/// </summary>
public static class HoconText
{
    /// <summary>A text that means the same wherever it is read: without references.</summary>
    /// <exception cref="FormatException">The text is no HOCON; the message says where.</exception>
    public static ConfigNode Parse(string text)
        => Follow(new HoconTokenizer(text), "what is applied means the same on every host", _ => null);

    /// <summary>An operator's file, whose references lead to its own keys and to the environment.</summary>
    /// <exception cref="FormatException">The text is no HOCON; the message says where.</exception>
    public static ConfigNode Parse(string text, IReadOnlyDictionary<string, string> environment)
        => Follow(new HoconTokenizer(text), null, environment.GetValueOrDefault);

    private static ConfigNode Follow(HoconTokenizer text, string? whyNoReferences, Func<string, string?> variable)
        => new HoconReferences(text, new HoconParser(text, whyNoReferences).Read(), variable).Follow();
}
