using System.Globalization;
using System.Text.RegularExpressions;

namespace VmCacheCluster.Kata.Toml;

/// <summary>Integers, floats and dates.</summary>
internal static partial class TomlNumbers
{
    /// <summary>A value that begins with a digit or a sign, or is inf or nan.</summary>
    public static TomlValue Read(TomlCursor at, TomlDialect dialect)
    {
        var line = at.Line;
        if (dialect != TomlDialect.Old && Special(at) is { } special) return new TomlFloat(special, line);
        var text = at.While(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.' or '_' or ':');
        if (LooksLikeDate(text))
        {
            // The one blank between a date and a time.
            if (text.Length == 10 && at.Peek() == ' ' && char.IsAsciiDigit(at.Peek(1)))
                text += at.Next() + at.While(c => char.IsAsciiDigit(c) || c is '+' or '-' or '.' or ':' or 'Z' or 'z');
            return TomlDates.IsDate(text, dialect) ? new TomlDate(text, line) : throw at.Fault($"invalid date: \"{text}\"");
        }

        return Decimal().IsMatch(text) ? Integer(at, text, dialect, line)
            : Fraction().IsMatch(text) ? Float(at, text, dialect, line)
            : dialect != TomlDialect.Old && Based().IsMatch(text) ? InBase(at, text, line)
            : throw at.Fault($"invalid number: \"{(text.Length > 0 ? text : at.Shown())}\"");
    }

    /// <summary>Reads inf or nan with any sign; null: it is something else.</summary>
    private static double? Special(TomlCursor at)
    {
        var signed = at.Peek() is '+' or '-' ? 1 : 0;
        var negative = at.Peek() == '-';
        var name = $"{at.Peek(signed)}{at.Peek(signed + 1)}{at.Peek(signed + 2)}";
        if (name is not ("inf" or "nan")) return null;
        for (var i = 0; i < signed + 3; i++) at.Next();
        return name == "nan" ? double.NaN : negative ? double.NegativeInfinity : double.PositiveInfinity;
    }

    private static bool LooksLikeDate(string text)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        return digits > 0 && digits < text.Length && text[digits] is '-' or ':';
    }

    private static TomlInteger Integer(TomlCursor at, string text, TomlDialect dialect, int line)
    {
        RefuseLeadingZeroes(at, text, dialect);
        var digits = text.Replace("_", "", StringComparison.Ordinal);
        return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? new TomlInteger(number, line)
            : throw at.Fault($"{text} is out of range for int64");
    }

    private static TomlFloat Float(TomlCursor at, string text, TomlDialect dialect, int line)
    {
        RefuseLeadingZeroes(at, text, dialect);
        var number = double.Parse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsFinite(number) ? new TomlFloat(number, line) : throw at.Fault($"{text} is out of range for float64");
    }

    private static TomlInteger InBase(TomlCursor at, string text, int line)
    {
        var (radix, number) = (text[1] switch { 'x' => 16, 'o' => 8, _ => 2 }, (UInt128)0);
        foreach (var digit in text.AsSpan(2))
        {
            if (digit == '_') continue;
            number = number * (UInt128)radix + (UInt128)Convert.ToInt32(digit.ToString(), 16);
            if (number > (ulong)long.MaxValue) throw at.Fault($"{text} is out of range for int64");
        }

        return new TomlInteger((long)number, line);
    }

    private static void RefuseLeadingZeroes(TomlCursor at, string text, TomlDialect dialect)
    {
        if (dialect != TomlDialect.Old && LeadingZero().IsMatch(text))
            throw at.Fault($"invalid number \"{text}\": it cannot have leading zeroes");
    }

    [GeneratedRegex(@"^[+-]?[0-9](_?[0-9])*\z")]
    private static partial Regex Decimal();

    [GeneratedRegex(@"^[+-]?[0-9](_?[0-9])*(\.[0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?\z")]
    private static partial Regex Fraction();

    [GeneratedRegex(@"^0(x[0-9a-fA-F](_?[0-9a-fA-F])*|o[0-7](_?[0-7])*|b[01](_?[01])*)\z")]
    private static partial Regex Based();

    [GeneratedRegex(@"^[+-]?0[0-9_]")]
    private static partial Regex LeadingZero();
}
