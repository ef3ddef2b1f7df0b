namespace VmCacheCluster.Gateway.Configuration.Hocon;

/// <summary>Follows the references of a text: to a key of it, else to a variable of the environment.</summary>
/// <param name="text">For places.</param>
/// <param name="root">The whole text.</param>
/// <param name="variable">A variable's value; null: it is not set.</param>
internal sealed class HoconReferences(HoconTokenizer text, HoconObject root, Func<string, string?> variable)
{
    /// <summary>What was followed; null while it is being followed.</summary>
    private readonly Dictionary<HoconValue, ConfigNode?> _done = [];

    private readonly HashSet<HoconValue> _under = [];

    /// <summary>The sum that is being read, and those that it stands in.</summary>
    private Frame? _frame;

    /// <summary>The key that is being read. Not handed on, for the sake of the stack.</summary>
    private List<string> _path = [];

    /// <exception cref="FormatException">A reference leads nowhere, to itself, or to too much.</exception>
    public ConfigNode Follow() => Of(root) is { Size: <= HoconLimits.Characters } all ? all
        : throw new FormatException($"with what its references refer to it has more than {HoconLimits.Characters} characters");

    /// <returns>Null: nothing is said, as if the key were not there.</returns>
    private ConfigNode? Of(HoconValue value) => value switch
    {
        HoconLeaf leaf => leaf.Node,
        HoconReference reference => Of(reference),
        HoconSum sum => Once(sum, Sum),
        HoconObject all => Once(all, Object),
        _ => throw new InvalidOperationException(),
    };

    private ConfigNode? Once<T>(T value, Func<T, ConfigNode?> read)
        where T : HoconValue
    {
        if (_done.TryGetValue(value, out var done)) return done;
        if (!_under.Add(value)) throw new CycleException();
        done = read(value);
        _under.Remove(value);
        return _done[value] = done;
    }

    private ConfigNode Object(HoconObject all)
    {
        Dictionary<string, ConfigNode> children = [];
        foreach (var (key, value) in all.Items)
        {
            _path.Add(key);
            if (Of(value) is { } child) children[key] = child;
            _path.RemoveAt(_path.Count - 1);
        }

        return ConfigNode.Of(children);
    }

    private ConfigNode? Sum(HoconSum sum)
    {
        List<(string Space, ConfigNode Node)> parts = [];
        var outer = _frame;
        _frame = new Frame(sum, [.. _path], outer);
        foreach (var (space, value) in sum.Parts)
            if (Of(value) is { } node) parts.Add((space, node));
        _frame = outer;
        var added = parts.Count == 0 ? null : parts.Count == 1 ? parts[0].Node : Together(parts, sum);
        var under = sum.Under is { } before && (added is null || added.Children is not null) ? Of(before) : null;
        var whole = added is null ? under : under is null ? added : Merged(under, added);
        if (whole?.Size > HoconLimits.Characters) throw text.Fault(sum.At, $"with what it refers to it has more than {HoconLimits.Characters} characters");
        return whole;
    }

    private ConfigNode Together(List<(string Space, ConfigNode Node)> parts, HoconSum sum)
    {
        if (parts.All(p => p.Node.Children is not null)) return parts.Select(p => p.Node).Aggregate(Merged);
        if (parts.All(p => p.Node.IsList)) return ConfigNode.List;
        if (parts.Any(p => p.Node.Text is null)) throw text.Fault(sum.At, "only texts, only objects, or only lists, can be one value");
        if (parts.Sum(p => p.Node.Size) > HoconLimits.Characters) throw text.Fault(sum.At, $"with what it refers to it has more than {HoconLimits.Characters} characters");
        return ConfigNode.Scalar(string.Concat(parts.Select((p, i) => (i > 0 ? p.Space : "") + p.Node.Text)));
    }

    /// <summary>Two objects become one; of anything else the later one stays.</summary>
    private static ConfigNode Merged(ConfigNode before, ConfigNode after)
    {
        if (before.Children is null || after.Children is null || ReferenceEquals(before, after)) return after;
        var all = new Dictionary<string, ConfigNode>(before.Children);
        foreach (var (key, child) in after.Children) all[key] = all.TryGetValue(key, out var known) ? Merged(known, child) : child;
        return ConfigNode.Of(all);
    }

    private ConfigNode? Of(HoconReference reference)
    {
        var (frame, path) = (_frame!, reference.Path);
        if (path.Count == 0) return Before(frame, frame.Path);
        var name = string.Join('.', path);
        var itself = Itself(frame, path);
        try
        {
            return (itself is not null ? Before(itself, path) : Find(path))
                ?? (variable(name) is { Length: > 0 } set ? ConfigNode.Scalar(set) : null)
                ?? (reference.Optional ? null : throw text.Fault(reference.At, itself is not null
                    ? $"the reference to {name} leads back to itself, and the key has no value before it; "
                        + $"${{?{name}}} says that it need not have one"
                    : $"there is neither a key nor a variable {name}; ${{?{name}}} says that there need not be"));
        }
        catch (CycleException)
        {
            throw text.Fault(reference.At, $"the reference to {name} leads back to itself");
        }
    }

    /// <returns>The sum that the reference is a part of, where it refers to its key or to what is in that; else one further out, of that very key.</returns>
    private static Frame? Itself(Frame inner, IReadOnlyList<string> path)
    {
        for (var at = inner; at is not null; at = at.Outer)
        {
            var deeper = path.Count - at.Path.Count;
            if ((deeper == 0 || (deeper > 0 && at == inner)) && path.Take(at.Path.Count).SequenceEqual(at.Path)) return at;
        }

        return null;
    }

    /// <summary>What a key was before the value in which it is referred to, and before those that this one stands in.</summary>
    private ConfigNode? Before(Frame frame, IReadOnlyList<string> path)
    {
        for (var at = frame; at is not null; at = at.Outer)
            if (at.Sum.Under is { } before && Below(Elsewhere(before, at.Path, at.Outer), path, at.Path.Count) is { } node) return node;
        return null;
    }

    private ConfigNode? Find(IReadOnlyList<string> path)
    {
        HoconValue? now = root;
        var parts = 0;
        while (parts < path.Count && now is HoconObject all) now = all.Items.GetValueOrDefault(path[parts++]);
        return now is null ? null : Below(Elsewhere(now, path.Take(parts), null), path, parts);
    }

    private ConfigNode? Elsewhere(HoconValue value, IEnumerable<string> path, Frame? frame)
    {
        var here = (_path, _frame);
        (_path, _frame) = ([.. path], frame);
        var node = Of(value);
        (_path, _frame) = here;
        return node;
    }

    /// <param name="node">What the first parts of the path lead to.</param>
    /// <param name="path">Where to.</param>
    /// <param name="parts">How many parts.</param>
    private static ConfigNode? Below(ConfigNode? node, IReadOnlyList<string> path, int parts)
    {
        for (; parts < path.Count && node is not null; parts++) node = node.Children?.GetValueOrDefault(path[parts]);
        return node;
    }

    /// <param name="sum">What is read.</param>
    /// <param name="path">The key that it is of.</param>
    /// <param name="outer">What it is a part of.</param>
    private sealed class Frame(HoconSum sum, IReadOnlyList<string> path, Frame? outer)
    {
        public HoconSum Sum { get; } = sum;

        public IReadOnlyList<string> Path { get; } = path;

        public Frame? Outer { get; } = outer;
    }

    private sealed class CycleException : Exception;
}
