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
            if (Of(value) is { } child) children[key] = child;
        return ConfigNode.Of(children);
    }

    private ConfigNode? Sum(HoconSum sum)
    {
        List<(string Space, ConfigNode Node)> parts = [];
        foreach (var (space, value) in sum.Parts)
            if (Of(value) is { } node) parts.Add((space, node));
        var added = parts.Count == 0 ? null : parts.Count == 1 ? parts[0].Node : Together(parts, sum);
        var under = sum.Under is { } before && (added is null || added.Children is not null) ? Of(before) : null;
        var whole = added is null ? under : under is null ? added : Merged(under, added);
        if (sum.Over is { } over) whole = Merged(whole ?? ConfigNode.Nothing, Of(over)!);
        if (whole?.Size > HoconLimits.Characters) throw text.Fault(sum.At, $"with what it refers to it has more than {HoconLimits.Characters} characters");
        return whole;
    }

    private ConfigNode Together(List<(string Space, ConfigNode Node)> parts, HoconSum sum)
    {
        if (parts.All(p => p.Node.Children is not null)) return parts.Select(p => p.Node).Aggregate(Merged);
        if (parts.Any(p => p.Node.Text is null)) throw text.Fault(sum.At, "only texts, or only objects, can be one value");
        if (parts.Sum(p => p.Node.Size) > HoconLimits.Characters) throw text.Fault(sum.At, $"with what it refers to it has more than {HoconLimits.Characters} characters");
        return ConfigNode.Scalar(string.Concat(parts.Select((p, i) => (i > 0 ? p.Space : "") + p.Node.Text)));
    }

    /// <summary>Two objects become one; of anything else the later one stays.</summary>
    private static ConfigNode Merged(ConfigNode before, ConfigNode after)
    {
        if (before.Children is null || after.Children is null) return after;
        var all = new Dictionary<string, ConfigNode>(before.Children);
        foreach (var (key, child) in after.Children) all[key] = all.TryGetValue(key, out var known) ? Merged(known, child) : child;
        return ConfigNode.Of(all);
    }

    private ConfigNode? Of(HoconReference reference)
    {
        var name = string.Join('.', reference.Path);
        try
        {
            return Find(reference.Path) ?? (variable(name) is { Length: > 0 } set ? ConfigNode.Scalar(set) : null)
                ?? (reference.Optional ? null : throw text.Fault(reference.At, $"there is neither a key nor a variable {name}; ${{?{name}}} says that there need not be"));
        }
        catch (CycleException)
        {
            throw text.Fault(reference.At, $"the reference to {name} leads back to itself");
        }
    }

    private ConfigNode? Find(IReadOnlyList<string> path)
    {
        HoconValue now = root;
        for (var i = 0; i < path.Count; i++)
        {
            if (now is HoconObject all)
            {
                if (!all.Items.TryGetValue(path[i], out var next)) return null;
                now = next;
                continue;
            }

            var node = Of(now);
            for (; i < path.Count && node is not null; i++) node = node.Children?.GetValueOrDefault(path[i]);
            return node;
        }

        return Of(now);
    }

    private sealed class CycleException : Exception;
}
