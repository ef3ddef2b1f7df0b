using VmCacheCluster.Domain;

namespace VmCacheCluster.Kata.Toml;

/// <summary>Reads TOML as the decoders of Kata's versions do. Pure.</summary>
internal sealed class TomlParser
{
    /// <summary>Tables and arrays in each other, and parts of a key: what follows them would exhaust the stack.</summary>
    private const int MostLevels = 64;

    /// <summary>Characters of a key: each fault and each setting carries its own.</summary>
    private const int MostKey = 1000;

    private const int MostShown = 40;

    private readonly TomlCursor _at;
    private readonly TomlDialect _dialect;
    private readonly TomlTree _tree;
    private string _table = "";

    private TomlParser(string text, TomlDialect dialect)
    {
        (_at, _dialect) = (new TomlCursor(text, dialect), dialect);
        _tree = new TomlTree(_at, dialect);
    }

    /// <exception cref="TomlException">It is no TOML, or not in this dialect.</exception>
    public static TomlTable Parse(string text, TomlDialect dialect) => new TomlParser(text, dialect).Read();

    private TomlTable Read()
    {
        var table = _tree.Root;
        for (_at.SkipAll(); !_at.IsEnd; _at.SkipAll())
        {
            if (_at.Peek() == '[') table = Header();
            else KeyAndValue(table);
            _at.SkipBlanks();
            _at.SkipComment();
            if (!_at.IsEnd && !_at.SkipLineBreak()) _at.Refuse("the end of the line or a comment");
        }

        return _tree.Root;
    }

    private TomlTable Header()
    {
        _at.Next();
        var many = _at.Accept('[');
        _at.Key = "";
        var line = _at.Line;
        var name = Name(']', dotted: true);
        _at.Next();
        if (many && !_at.Accept(']')) _at.Refuse("']' after a table's name");
        _at.Key = _table = Shown(name);
        return many ? _tree.Append(name, line) : _tree.Open(name, line);
    }

    private void KeyAndValue(TomlTable table)
    {
        _at.Key = _table;
        var line = _at.Line;
        var name = Name('=', _dialect != TomlDialect.Old);
        _at.Key = _table.Length == 0 ? Shown(name) : $"{_table}.{Shown(name)}";
        _at.Next();
        _tree.Set(table, name, Value(1), line);
        _at.Key = _table;
    }

    /// <summary>A key up to what ends it, which stays.</summary>
    private List<string> Name(char end, bool dotted)
    {
        List<string> parts = [];
        while (true)
        {
            _at.SkipBlanks();
            parts.Add(_at.Peek() is '"' or '\'' ? TomlStrings.Short(_at, _dialect) : Bare());
            if (parts.Sum(p => p.Length) > MostKey)
            {
                _at.Key = "";
                throw _at.Fault($"a key of more than {MostKey} characters");
            }

            if (parts.Count > MostLevels) throw _at.Fault($"more than {MostLevels} levels");
            _at.SkipBlanks();
            if (_at.Peek() == end && !_at.IsEnd) return parts;
            if (!dotted || !_at.Accept('.')) _at.Refuse(dotted ? $"'.' or '{end}' after a key" : $"'{end}' after a key");
        }
    }

    private string Bare()
    {
        var name = _at.While(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
        if (name.Length == 0) _at.Refuse("a key");
        return name;
    }

    private TomlValue Value(int level)
    {
        if (level > MostLevels) throw _at.Fault($"more than {MostLevels} levels");
        _at.SkipBlanks();
        return _at.Peek() switch
        {
            '"' or '\'' => Text(),
            '[' => Array(level),
            '{' => Inline(level),
            _ when _at.Accept("true") => Flag(true),
            _ when _at.Accept("false") => Flag(false),
            var first when char.IsAsciiDigit(first) || first is '+' or '-' or 'i' or 'n' => TomlNumbers.Read(_at, _dialect),
            _ => throw NoValue(),
        };
    }

    private TomlText Text()
    {
        var text = TomlStrings.Read(_at, _dialect);
        return new TomlText(text, _at.Line);
    }

    private TomlFlag Flag(bool value) => char.IsLetter(_at.Peek()) ? throw NoValue() : new TomlFlag(value, _at.Line);

    private TomlException NoValue()
    {
        var word = Printable.OneLine(_at.While(char.IsLetter));
        if (word.Length > MostShown) word = word[..MostShown] + "...";
        return _at.Fault($"expected value but found {(word.Length == 0 ? _at.Shown() : $"\"{word}\"")} instead");
    }

    private TomlArray Array(int level)
    {
        var line = _at.Line;
        _at.Next();
        List<TomlValue> items = [];
        for (_at.SkipAll(); !_at.Accept(']'); _at.SkipAll())
        {
            items.Add(Value(level + 1));
            if (_dialect == TomlDialect.Old && items[0].Type != items[^1].Type)
                throw _at.Fault($"the array contains values of type {items[0].Type} and {items[^1].Type}, but arrays must be homogeneous");
            _at.SkipAll();
            if (!_at.Accept(',') && _at.Peek() != ']') _at.Refuse("a comma (',') or array terminator (']')");
        }

        return new TomlArray(items, line);
    }

    private TomlTable Inline(int level)
    {
        var table = new TomlTable(_at.Line);
        var outer = _at.Key;
        _at.Next();
        for (SkipInline(); !_at.Accept('}'); SkipInline())
        {
            var line = _at.Line;
            var name = Name('=', _dialect != TomlDialect.Old);
            _at.Key = $"{outer}.{Shown(name)}";
            _at.Next();
            _tree.Set(table, name, Value(level + 1), line);
            _at.Key = outer;
            SkipInline();
            if (_at.Accept(',')) Trailing();
            else if (_at.Peek() != '}') _at.Refuse("a comma (',') or an inline table terminator ('}')");
        }

        return table;
    }

    private void Trailing()
    {
        SkipInline();
        if (_dialect == TomlDialect.V10 && _at.Peek() == '}') throw _at.Fault("trailing comma not allowed in inline tables");
    }

    private void SkipInline()
    {
        if (_dialect == TomlDialect.V11)
        {
            _at.SkipAll();
            return;
        }

        _at.SkipBlanks();
        if (_at.Peek() is '\n' or '\r' or '#') throw _at.Fault("newlines not allowed within inline tables");
    }

    private static string Shown(List<string> name) => string.Join('.', name);
}
