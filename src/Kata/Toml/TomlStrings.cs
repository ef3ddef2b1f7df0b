using System.Globalization;
using System.Text;

namespace VmCacheCluster.Kata.Toml;

/// <summary>The four kinds of strings.</summary>
internal static class TomlStrings
{
    private const string Triple = "\"\"\"", RawTriple = "'''";

    /// <summary>A string of any kind, at its first quote.</summary>
    public static string Read(TomlCursor at, TomlDialect dialect) =>
        at.Accept(Triple) ? Long(at, '"', dialect)
        : at.Accept(RawTriple) ? Long(at, '\'', dialect)
        : Short(at, dialect);

    /// <summary>A string of one line, at its first quote; a key is one too.</summary>
    public static string Short(TomlCursor at, TomlDialect dialect)
    {
        var quote = at.Next();
        var read = new StringBuilder();
        while (!at.Accept(quote))
        {
            if (at.Peek() is '\n' or '\r') throw at.Fault("strings cannot contain newlines");
            if (quote == '"' && at.Accept('\\')) Escape(at, dialect, read);
            else read.Append(at.Next());
        }

        return read.ToString();
    }

    private static string Long(TomlCursor at, char quote, TomlDialect dialect)
    {
        at.SkipLineBreak();
        var read = new StringBuilder();
        while (true)
        {
            if (at.Peek() == quote && at.Peek(1) == quote && at.Peek(2) == quote)
            {
                // Up to two quotes before the last three belong to the text.
                for (var more = 0; more < 2 && dialect != TomlDialect.Old && at.Peek(3) == quote; more++) read.Append(at.Next());
                for (var i = 0; i < 3; i++) at.Next();
                return read.ToString();
            }

            if (quote == '"' && at.Accept('\\'))
            {
                if (!SkipToNextLine(at)) Escape(at, dialect, read);
            }
            else
            {
                read.Append(at.Next());
            }
        }
    }

    /// <summary>After a backslash at the end of a line all white space up to the next character is no part of the text.</summary>
    private static bool SkipToNextLine(TomlCursor at)
    {
        var blanks = 0;
        while (at.Peek(blanks) is ' ' or '\t' or '\r') blanks++;
        if (at.Peek(blanks) != '\n') return false;
        at.While(c => c is ' ' or '\t' or '\r' or '\n');
        return true;
    }

    private static void Escape(TomlCursor at, TomlDialect dialect, StringBuilder into)
    {
        var letter = at.Next();
        var digits = letter switch
        {
            'u' => 4,
            'U' => 8,
            'x' when dialect == TomlDialect.V11 => 2,
            _ => 0,
        };
        if (digits > 0)
        {
            into.Append(Character(at, letter, digits));
            return;
        }

        into.Append(letter switch
        {
            'b' => '\b',
            't' => '\t',
            'n' => '\n',
            'f' => '\f',
            'r' => '\r',
            '"' => '"',
            '\\' => '\\',
            'e' when dialect == TomlDialect.V11 => '\u001B',
            < ' ' => throw at.Fault("invalid escape: a backslash before a control character"),
            _ => throw at.Fault($"invalid escape in string '\\{letter}'"),
        });
    }

    private static string Character(TomlCursor at, char letter, int digits)
    {
        var code = new StringBuilder(digits);
        while (code.Length < digits)
        {
            if (!char.IsAsciiHexDigit(at.Peek()))
                throw at.Fault($"expected {digits} hexadecimal digits after '\\{letter}', but got '{code}' instead");
            code.Append(at.Next());
        }

        var point = uint.Parse(code.ToString(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return Rune.IsValid(point) ? new Rune(point).ToString() : throw at.Fault($"escaped character '\\{letter}{code}' is no character");
    }
}
