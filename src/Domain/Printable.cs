using System.Text;

namespace VmCacheCluster.Domain;

/// <summary>
/// Text of others (a guest, a QEMU, a caller, a member) as it may be shown: log, events, status and terminals get nothing that a terminal
/// obeys or that turns the order of what is read. Such a character is written as <c>\u001b</c>, which JSON and HOCON read back. What was
/// written once is not changed again.
/// </summary>
public static class Printable
{
    /// <summary>On one line: line ends and tabs become a blank.</summary>
    public static string OneLine(string text)
    {
        if (!text.Any(IsUnsafe)) return text;
        var words = text.Split(['\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Lines(string.Join(' ', words));
    }

    /// <summary>With its line ends and tabs.</summary>
    public static string Lines(ReadOnlySpan<char> text)
    {
        var shown = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])) shown.Append(c).Append(text[++i]);
            else if (IsUnsafe(c) && c is not ('\n' or '\t')) shown.Append($"\\u{(int)c:x4}");
            else shown.Append(c);
        }

        return shown.ToString();
    }

    /// <summary>A control character, one that changes the direction of writing, one that ends a line, or half of a pair.</summary>
    public static bool IsUnsafe(char c) => char.IsControl(c) || char.IsSurrogate(c)
        || c is '\u061c' or '\u200e' or '\u200f' or '\u2028' or '\u2029' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\ufeff';
}
