namespace VmCacheCluster.Gateway.Configuration.Hocon;

/// <summary>What a text says of a key, with its references not yet followed.</summary>
internal abstract class HoconValue;

/// <summary>Text, null, a list, or nothing at all.</summary>
internal sealed class HoconLeaf(ConfigNode node) : HoconValue
{
    public ConfigNode Node { get; } = node;
}

/// <summary>What is looked up where it is used.</summary>
/// <param name="path">The key, from the root; empty: the key that it stands in.</param>
/// <param name="optional">There need not be such a key.</param>
/// <param name="at">Where it stands in the text.</param>
internal sealed class HoconReference(IReadOnlyList<string> path, bool optional, int at) : HoconValue
{
    public IReadOnlyList<string> Path { get; } = path;

    public bool Optional { get; } = optional;

    public int At { get; } = at;
}

/// <summary>
/// Values beside each other, one of which is a reference at least: text is put together, objects are merged. Or an object alone, which is laid
/// over such values.
/// </summary>
/// <param name="parts">Each with the blanks before it.</param>
/// <param name="at">Where the first one stands.</param>
internal sealed class HoconSum(IReadOnlyList<(string Space, HoconValue Value)> parts, int at) : HoconValue
{
    public IReadOnlyList<(string Space, HoconValue Value)> Parts { get; } = parts;

    public int At { get; } = at;

    /// <summary>What was said of the key before: references to the key mean it. It stays where nothing is referred to, and under an object.</summary>
    public HoconValue? Under { get; set; }

    /// <summary>What was said of the key in an object that this one's object is merged into: older than all that this one knows of.</summary>
    public void LieOver(HoconValue before)
    {
        var oldest = this;
        while (oldest.Under is HoconSum under) oldest = under;
        var key = new HoconObject();
        key.Set("", before);
        if (oldest.Under is { } known) key.Set("", known);
        oldest.Under = key.Items[""];
    }
}

internal sealed class HoconObject : HoconValue
{
    private readonly Dictionary<string, HoconValue> _items = [];

    public IReadOnlyDictionary<string, HoconValue> Items => _items;

    /// <summary>The later one wins, and two objects become one.</summary>
    public void Set(string key, HoconValue value)
    {
        var before = _items.GetValueOrDefault(key);
        if (value is HoconObject added && before is HoconObject known) known.Add(added);
        else if (value is HoconObject more && before is HoconSum { Parts: [(_, HoconObject laid)] }) laid.Add(more);
        else if (value is HoconObject over && before is HoconSum sum) _items[key] = new HoconSum([("", over)], sum.At) { Under = sum };
        else
        {
            if (value is HoconSum later && before is not null) later.LieOver(before);
            _items[key] = value;
        }
    }

    public void Add(HoconObject other)
    {
        foreach (var (key, value) in other._items) Set(key, value);
    }
}
