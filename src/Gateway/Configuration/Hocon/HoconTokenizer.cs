using System.Text;

namespace VmCacheCluster.Gateway.Configuration.Hocon;

internal enum HoconKind
{
    End,
    NewLine,
    Comma,
    Assign,
    ObjectBegin,
    ObjectEnd,
    ListBegin,
    ListEnd,

    /// <summary>Unquoted.</summary>
    Word,
    Quoted,

    /// <summary>${path} or ${?path}; its text is what stands between the braces.</summary>
    Reference,
}

/// <param name="Text">Of a word, a quoted text or a reference; of what assigns, its sign.</param>
/// <param name="At">Where it begins.</param>
/// <param name="Space">The blanks before it, on its line.</param>
internal readonly record struct HoconToken(HoconKind Kind, string Text, int At, string Space);

/// <summary>Takes a text apart, front to back: each character is looked at a fixed number of times.</summary>
internal sealed class HoconTokenizer
{
    private const string NotInWords = "$\"{}[]:=,#`^?!@*&\\";

    private readonly string _text;
    private int _at;
    private int _taken;

    /// <exception cref="FormatException">The text is too large.</exception>
    public HoconTokenizer(string text)
    {
        _text = text;
        if (text.Length > HoconLimits.Characters) throw new FormatException($"it has more than {HoconLimits.Characters} characters");
        if (text.StartsWith('\uFEFF')) _at = 1;
    }

    /// <exception cref="FormatException">It cannot be read, or is one too many; the message says where.</exception>
    public HoconToken Next()
    {
        var from = _at;
        while (_at < _text.Length && _text[_at] != '\n' && char.IsWhiteSpace(_text[_at])) _at++;
        var space = _text[from.._at];
        if (_at < _text.Length && IsComment())
            while (_at < _text.Length && _text[_at] != '\n') _at++;
        var at = _at;
        if (++_taken > HoconLimits.Tokens) throw Fault(at, $"there are more than {HoconLimits.Tokens} words and signs");
        if (at == _text.Length) return new HoconToken(HoconKind.End, "", at, space);
        var (kind, text) = _text[_at] switch
        {
            '\n' => Sign(HoconKind.NewLine),
            ',' => Sign(HoconKind.Comma),
            '=' => Sign(HoconKind.Assign, "="),
            ':' => Sign(HoconKind.Assign, ":"),
            '{' => Sign(HoconKind.ObjectBegin),
            '}' => Sign(HoconKind.ObjectEnd),
            '[' => Sign(HoconKind.ListBegin),
            ']' => Sign(HoconKind.ListEnd),
            '"' => (HoconKind.Quoted, _text.AsSpan(_at).StartsWith("\"\"\"") ? Block() : Line()),
            '$' when _at + 1 < _text.Length && _text[_at + 1] == '{' => (HoconKind.Reference, Reference()),
            _ => (HoconKind.Word, Word()),
        };
        return new HoconToken(kind, text, at, space);
    }

    /// <param name="at">Where, as an index into the text.</param>
    /// <param name="reason">What is wrong there.</param>
    public FormatException Fault(int at, string reason) => new($"{Place(at)}: {reason}");

    /// <returns>Such as "line 3, column 7", both from 1.</returns>
    public string Place(int at)
    {
        var before = _text.AsSpan(0, at);
        return $"line {before.Count('\n') + 1}, column {at - before.LastIndexOf('\n')}";
    }

    private bool IsComment() => _text[_at] == '#' || (_text[_at] == '/' && _at + 1 < _text.Length && _text[_at + 1] == '/');

    private (HoconKind, string) Sign(HoconKind kind, string text = "")
    {
        _at++;
        return (kind, text);
    }

    private string Word()
    {
        var from = _at;
        while (_at < _text.Length && !char.IsWhiteSpace(_text[_at]) && !NotInWords.Contains(_text[_at], StringComparison.Ordinal) && !IsComment()) _at++;
        if (_at == from) throw Fault(from, $"'{_text[from]}' cannot stand outside of quotes");
        return Whole(from, _text[from.._at]);
    }

    private string Reference()
    {
        var from = _at;
        var end = _text.AsSpan(from).IndexOfAny('}', '\n');
        if (end < 0 || _text[from + end] != '}') throw Fault(from, "the reference that begins here has no end");
        _at = from + end + 1;
        return _text[(from + 2)..(from + end)];
    }

    private string Block()
    {
        var from = _at;
        var end = _text.IndexOf("\"\"\"", from + 3, StringComparison.Ordinal);
        if (end < 0) throw new FormatException($"the string that begins at {Place(from)} has no end");
        // Of more than three quotes the last three end it.
        while (end + 3 < _text.Length && _text[end + 3] == '"') end++;
        _at = end + 3;
        return Whole(from, _text[(from + 3)..end]);
    }

    private string Line()
    {
        var from = _at++;
        var text = new StringBuilder();
        while (_at < _text.Length && _text[_at] != '\n')
        {
            var c = _text[_at++];
            if (c == '"') return Whole(from, text.ToString());
            text.Append(c == '\\' ? Escape() : c);
        }

        throw new FormatException($"the string that begins at {Place(from)} has no end");
    }

    private char Escape()
    {
        var at = _at - 1;
        var c = _at < _text.Length ? _text[_at++] : '\0';
        if (c == 'u' && _text.Length - _at >= 4 && ushort.TryParse(_text.AsSpan(_at, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var code))
        {
            _at += 4;
            return (char)code;
        }

        return c switch
        {
            '"' or '\\' or '/' => c,
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => throw Fault(at, "there is no such escape: write \\\\ for a backslash"),
        };
    }

    /// <summary>Half a surrogate pair is no character, and could not be sent on.</summary>
    private string Whole(int from, string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) throw Fault(from, "the text that begins here is no valid Unicode");
            i++;
        }

        return text;
    }
}
