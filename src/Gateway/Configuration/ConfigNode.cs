namespace VmCacheCluster.Gateway.Configuration;

/// <summary>A HOCON value: text, an object, or a list (which no key of ours takes).</summary>
public sealed class ConfigNode
{
    public static readonly ConfigNode Nothing = Of(new Dictionary<string, ConfigNode>());

    public string? Text { get; private init; }
    public IReadOnlyDictionary<string, ConfigNode>? Children { get; private init; }

    /// <summary>Null in HOCON: as if the key were not there.</summary>
    public bool IsNull { get; private init; }

    /// <summary>"key =" with nothing behind it.</summary>
    public bool IsMissing { get; private init; }

    public bool IsList => ReferenceEquals(this, List);

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

    public static readonly ConfigNode Null = new() { IsNull = true };

    public static readonly ConfigNode Missing = new() { IsMissing = true };

    public static readonly ConfigNode List = new();

    /// <summary>Characters and values in it, with those of the objects below it.</summary>
    public long Size { get; private init; } = 1;

    public static ConfigNode Scalar(string text) => new() { Text = text, Size = 1 + text.Length };

    public static ConfigNode Of(IReadOnlyDictionary<string, ConfigNode> children) =>
        new() { Children = children, Size = 1 + children.Sum(c => c.Key.Length + c.Value.Size) };

    /// <summary>An object of one key.</summary>
    public static ConfigNode Of(string key, string text) => Of(new Dictionary<string, ConfigNode> { [key] = Scalar(text) });
}
