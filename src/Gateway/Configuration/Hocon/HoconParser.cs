namespace VmCacheCluster.Gateway.Configuration.Hocon;

/// <summary>
/// HOCON by recursive descent, as deep as <see cref="HoconLimits.Levels"/> and no deeper. Each round takes a token, so that it ends.
/// Stricter than HOCON: no include, no blanks within a key. Laxer: behind an object the next key may stand on its line.
/// </summary>
/// <param name="text">What is read.</param>
/// <param name="whyNoReferences">Why ${...} is refused; null: it is not.</param>
internal sealed class HoconParser(HoconTokenizer text, string? whyNoReferences)
{
    private const string EmptyPart = "a part of the key is empty: quote a dot that belongs to it";

    private HoconToken _now;
    private int _references;

    /// <exception cref="FormatException">The text is no HOCON; the message says where.</exception>
    public HoconObject Read()
    {
        Take();
        SkipLines();
        var begin = _now;
        if (begin.Kind == HoconKind.ListBegin) throw Fault(begin, "a list cannot stand here: settings are KEY = VALUE");
        if (begin.Kind != HoconKind.ObjectBegin) return Fields(null, 0);
        var root = Object(0);
        SkipLines();
        return _now.Kind == HoconKind.End ? root : throw Unexpected();
    }

    private HoconObject Object(int level)
    {
        var begin = _now;
        if (level >= HoconLimits.Levels) throw TooDeep(begin);
        Take();
        return Fields(begin, level + 1);
    }

    /// <param name="begin">Its brace; null: the text is the object.</param>
    private HoconObject Fields(HoconToken? begin, int level)
    {
        var fields = new HoconObject();
        while (true)
        {
            SkipLines();
            if (Ends(begin, HoconKind.ObjectEnd, '{')) return fields;
            Field(fields, level);
            Separator();
        }
    }

    private void Field(HoconObject into, int level)
    {
        var first = _now;
        if (first.Kind is not (HoconKind.Word or HoconKind.Quoted)) throw Unexpected();
        var path = Path(first, out var last);
        var appends = Appends(path, last);
        if (first is { Kind: HoconKind.Word, Text: "include" } && _now.Kind is HoconKind.Word or HoconKind.Quoted)
            throw Fault(first, "include is not supported: put all settings into one file");
        if (level + path.Count > HoconLimits.Levels) throw TooDeep(first);
        var behind = _now;
        SkipLines();
        // Only what makes it a field may stand on a later line; a fault is where the key ends.
        if (_now.Kind is not (HoconKind.ObjectBegin or HoconKind.Assign)) _now = behind;
        var value = _now.Kind switch
        {
            HoconKind.ObjectBegin => Value(level + path.Count),
            HoconKind.Assign when appends is { } plus => Appended(plus, level + path.Count),
            HoconKind.Assign => Assigned(level + path.Count),
            _ => throw Fault(_now, Incomplete(path)),
        };
        for (var i = path.Count - 1; i > 0; i--)
        {
            var outer = new HoconObject();
            outer.Set(path[i], value);
            value = outer;
        }

        into.Set(path[0], value);
    }

    /// <returns>Where += stands; null: no such sign follows the key, which it may touch.</returns>
    private HoconToken? Appends(List<string> path, HoconToken last)
    {
        var plus = last;
        if (last is { Kind: HoconKind.Word } && last.Text.EndsWith('+'))
        {
            if (path[^1] == "+") throw Fault(last, EmptyPart);
            path[^1] = path[^1][..^1];
        }
        else
        {
            if (_now is not { Kind: HoconKind.Word, Text: "+" }) return null;
            plus = _now;
            Take();
        }

        return _now is { Kind: HoconKind.Assign, Text: "=", Space: "" } ? plus
            : throw Fault(plus, plus == last ? "a key ends with '+' only in quotes" : Incomplete(path));
    }

    /// <summary>KEY += VALUE is KEY = ${?KEY} [VALUE].</summary>
    private HoconSum Appended(HoconToken plus, int level)
    {
        if (whyNoReferences is not null) throw Fault(plus, "+= is not supported here: no key takes a list");
        Count(plus);
        if (Assigned(level + 1) is HoconLeaf { Node.IsMissing: true }) throw Unexpected();
        return new HoconSum([("", new HoconReference([], optional: true, plus.At)), ("", new HoconLeaf(ConfigNode.List))], plus.At);
    }

    private HoconValue Assigned(int level)
    {
        Take();
        SkipLines();
        return Value(level);
    }

    /// <summary>The parts of one path touch each other; a dot within quotes parts nothing.</summary>
    private List<string> Path(HoconToken first, out HoconToken last)
    {
        List<string> path = [];
        string? part = null;
        do
        {
            last = _now;
            var pieces = _now.Kind == HoconKind.Quoted ? [_now.Text] : _now.Text.Split('.');
            for (var i = 0; i < pieces.Length; i++)
            {
                if (i > 0)
                {
                    path.Add(part ?? throw Fault(first, EmptyPart));
                    part = null;
                }

                if (pieces[i].Length > 0 || _now.Kind == HoconKind.Quoted) part += pieces[i];
            }

            Take();
        }
        while (_now.Kind is HoconKind.Word or HoconKind.Quoted && _now.Space.Length == 0);
        path.Add(part ?? throw Fault(first, EmptyPart));
        if (path.Exists(p => p.Length > HoconLimits.Key)) throw Fault(first, $"a part of the key has more than {HoconLimits.Key} characters");
        return path;
    }

    private HoconValue Value(int level)
    {
        var begin = _now;
        List<(string Space, HoconValue Value, HoconToken Token)> parts = [];
        while (true)
        {
            // What follows an object on its line is the next key.
            if (_now.Kind is HoconKind.Word or HoconKind.Quoted && parts is [.., { Value: HoconObject }]) break;
            var (space, token) = (_now.Space, _now);
            if (Part(level) is not { } part) break;
            parts.Add((space, part, token));
        }

        if (_now.Kind == HoconKind.Assign) throw Fault(_now, "a value that holds '=' or ':' must be quoted, and a new setting begins on a line of its own or behind a comma");
        if (parts.Count == 0) return new HoconLeaf(ConfigNode.Missing);
        if (parts is [{ Value: not HoconReference } only]) return only.Value;
        if (parts.Any(p => p.Value is HoconReference)) return new HoconSum([.. parts.Select(p => (p.Space, p.Value))], begin.At);
        if (parts.All(p => p.Value is HoconObject))
        {
            var all = new HoconObject();
            foreach (var (_, part, _) in parts) all.Add((HoconObject)part);
            return all;
        }

        if (parts.All(p => p.Value is HoconLeaf { Node.IsList: true })) return parts[0].Value;
        foreach (var (_, part, token) in parts)
            if (part is not HoconLeaf { Node.Text: not null } and not HoconLeaf { Node.IsNull: true }) throw Fault(token, "an object or a list and text cannot be one value");
        return new HoconLeaf(ConfigNode.Scalar(string.Concat(parts.Select((p, i) => (i > 0 ? p.Space : "") + (((HoconLeaf)p.Value).Node.Text ?? "null")))));
    }

    /// <returns>Null: what stands there is no part of a value.</returns>
    private HoconValue? Part(int level)
    {
        var token = _now;
        switch (token.Kind)
        {
            case HoconKind.Word or HoconKind.Quoted:
                Take();
                return new HoconLeaf(token is { Kind: HoconKind.Word, Text: "null" } ? ConfigNode.Null : ConfigNode.Scalar(token.Text));
            case HoconKind.Reference:
                return Reference();
            case HoconKind.ObjectBegin:
                return Object(level);
            case HoconKind.ListBegin:
                return List(level);
            default:
                return null;
        }
    }

    /// <summary>No key takes one: it has to be right, and what is in it does not matter.</summary>
    private HoconLeaf List(int level)
    {
        var begin = _now;
        if (level >= HoconLimits.Levels) throw TooDeep(begin);
        Take();
        while (true)
        {
            SkipLines();
            if (Ends(begin, HoconKind.ListEnd, '[')) return new HoconLeaf(ConfigNode.List);
            if (Value(level + 1) is HoconLeaf { Node.IsMissing: true }) throw Unexpected();
            Separator(HoconKind.ListEnd);
        }
    }

    private HoconReference Reference()
    {
        var at = _now;
        if (whyNoReferences is not null) throw Fault(at, $"${{...}} is not supported here: {whyNoReferences}");
        Count(at);
        var optional = at.Text.StartsWith('?');
        var inner = new HoconParser(new HoconTokenizer(optional ? at.Text[1..] : at.Text), whyNoReferences);
        var path = inner.PathAlone() ?? throw Fault(at, "between ${ and } stands one key");
        if (path.Count > HoconLimits.Levels) throw TooDeep(at);
        Take();
        return new HoconReference(path, optional, at.At);
    }

    private void Count(HoconToken reference)
    {
        if (++_references > HoconLimits.References) throw Fault(reference, $"there are more than {HoconLimits.References} references");
    }

    /// <returns>Null: the text is no key, or more than one.</returns>
    private List<string>? PathAlone()
    {
        try
        {
            Take();
            if (_now.Kind is not (HoconKind.Word or HoconKind.Quoted)) return null;
            var path = Path(_now, out _);
            return _now.Kind == HoconKind.End ? path : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private bool Ends(HoconToken? begin, HoconKind end, char bracket)
    {
        if (_now.Kind == HoconKind.End) return begin is null ? true : throw new FormatException($"the '{bracket}' at {text.Place(begin.Value.At)} is never closed");
        if (begin is null || _now.Kind != end) return false;
        Take();
        return true;
    }

    /// <summary>A comma or a line's end, or both; an object may be followed by the next key at once.</summary>
    private void Separator(HoconKind end = HoconKind.ObjectEnd)
    {
        SkipLines();
        if (_now.Kind != HoconKind.Comma) return;
        Take();
        SkipLines();
        if (_now.Kind == HoconKind.Comma) throw Fault(_now, $"there is nothing between two commas{(end == HoconKind.ListEnd ? " of a list" : "")}");
    }

    private void SkipLines()
    {
        while (_now.Kind == HoconKind.NewLine) Take();
    }

    private void Take() => _now = text.Next();

    private FormatException Unexpected() => _now.Kind switch
    {
        HoconKind.ObjectEnd => new FormatException($"the '}}' at {text.Place(_now.At)} closes nothing"),
        HoconKind.ListEnd => new FormatException($"the ']' at {text.Place(_now.At)} closes nothing"),
        HoconKind.Comma => Fault(_now, "there is nothing before this comma"),
        HoconKind.End => Fault(_now, "something is missing at the end"),
        _ => Fault(_now, "a key is expected here"),
    };

    private static string Incomplete(List<string> path) => $"'=', ':' or '{{' is missing behind the key {string.Join('.', path)}";

    private FormatException TooDeep(HoconToken at) => Fault(at, $"more than {HoconLimits.Levels} levels");

    private FormatException Fault(HoconToken at, string reason) => text.Fault(at.At, reason);
}
