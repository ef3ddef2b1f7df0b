using System.Diagnostics.CodeAnalysis;

namespace VmCacheCluster.Kata.Toml;

/// <summary>A place in a text of TOML, which knows its line and what is being read.</summary>
internal sealed class TomlCursor(string text, TomlDialect dialect)
{
    /// <summary>What <see cref="Peek"/> gives at the end.</summary>
    public const char End = '\uFFFF';

    /// <summary>The old decoder takes the mark of UTF-8 for a part of the first key.</summary>
    private int _at = text.StartsWith('\uFEFF') && dialect != TomlDialect.Old ? 1 : 0;

    public int Line { get; private set; } = 1;

    /// <summary>Where a fault is said to be.</summary>
    public string Key { get; set; } = "";

    public bool IsEnd => _at >= text.Length;

    public char Peek(int further = 0) => _at + further < text.Length ? text[_at + further] : End;

    public char Next()
    {
        if (IsEnd) throw Fault("the file ends in the middle of a value", Line);
        var next = text[_at];
        if (!Allowed(next)) throw Fault($"TOML files cannot contain control characters: '0x{(int)next:x2}'");
        // Kata 3.5's decoder takes this character for a broken one.
        if (next == '\uFFFD' && dialect == TomlDialect.V10) throw Fault("invalid UTF-8 byte: 0xef");
        _at++;
        if (next == '\n') Line++;
        return next;
    }

    public bool Accept(char wanted)
    {
        if (IsEnd || Peek() != wanted) return false;
        Next();
        return true;
    }

    /// <summary>All that is wanted, or nothing.</summary>
    public bool Accept(string wanted)
    {
        if (string.CompareOrdinal(text, _at, wanted, 0, wanted.Length) != 0) return false;
        for (var i = 0; i < wanted.Length; i++) Next();
        return true;
    }

    public string While(Func<char, bool> wanted)
    {
        var from = _at;
        while (!IsEnd && wanted(Peek())) Next();
        return text[from.._at];
    }

    public void SkipBlanks() => While(c => c is ' ' or '\t');

    /// <summary>A comment up to the end of its line, if there is one.</summary>
    public void SkipComment()
    {
        if (Accept('#')) While(c => c is not '\n' && !(c == '\r' && (Peek(1) == '\n' || dialect == TomlDialect.Old)));
    }

    public bool SkipLineBreak() => Accept("\r\n") || Accept('\n') || (dialect == TomlDialect.Old && Accept('\r'));

    /// <summary>Blanks, line breaks and comments.</summary>
    public void SkipAll()
    {
        do
        {
            SkipBlanks();
            SkipComment();
        }
        while (SkipLineBreak());
    }

    public TomlException Fault(string reason, int? line = null) => new(line ?? Line, Key, reason);

    /// <exception cref="TomlException">Always.</exception>
    [DoesNotReturn]
    public void Refuse(string wanted) => throw Fault($"expected {wanted}, but got {Shown()} instead");

    /// <summary>What stands here, for a user.</summary>
    public string Shown() => Peek() switch
    {
        _ when IsEnd => "the end of the file",
        '\n' => "the end of the line",
        '\r' when Peek(1) == '\n' => "the end of the line",
        < ' ' or '\u007F' => $"the control character 0x{(int)Peek():x2}",
        '\uFEFF' => "a byte order mark (save the file without it)",
        var high when char.IsHighSurrogate(high) && char.IsLowSurrogate(Peek(1)) => $"'{high}{Peek(1)}'",
        var other => $"'{other}'",
    };

    private bool Allowed(char c) => dialect == TomlDialect.Old
        || c is '\t' or '\n' || (c == '\r' && Peek(1) == '\n') || (c >= ' ' && c != '\u007F');
}
