using Akka.Configuration.Hocon;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>A HOCON value: text, an object, or a list (which no key of ours takes).</summary>
internal sealed class ConfigNode
{
    public static readonly ConfigNode Nothing = new() { Children = new Dictionary<string, ConfigNode>() };

    public string? Text { get; private init; }
    public IReadOnlyDictionary<string, ConfigNode>? Children { get; private init; }

    /// <summary>Null in HOCON: as if the key were not there.</summary>
    public bool IsNull { get; private init; }

    /// <summary>"key =" with nothing behind it.</summary>
    public bool IsMissing { get; private init; }

    public string Shown => Text ?? (Children is not null ? "{ ... }" : IsMissing ? "" : "[ ... ]");

    public ConfigNode? this[string path]
    {
        get
        {
            var node = this;
            foreach (var part in path.Split('.'))
                if (node.Children is null || !node.Children.TryGetValue(part, out node)) return null;
            return node;
        }
    }

    private static ConfigNode Scalar(string text) => new() { Text = text };

    /// <summary>An object of one key.</summary>
    public static ConfigNode Of(string key, string text) =>
        new() { Children = new Dictionary<string, ConfigNode> { [key] = Scalar(text) } };

    public static ConfigNode From(HoconValue? value)
    {
        if (value is null) return Nothing;
        if (value.IsObject())
            return new ConfigNode { Children = value.GetObject().Items.ToDictionary(i => i.Key, i => From(i.Value)) };
        if (value.IsArray()) return new ConfigNode();
        if (value.IsEmpty) return new ConfigNode { IsMissing = true };
        return value.GetString() is { } text ? Scalar(text) : new ConfigNode { IsNull = true };
    }
}
