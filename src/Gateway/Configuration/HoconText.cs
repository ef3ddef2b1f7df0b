using Akka.Configuration;

namespace VmCacheCluster.Gateway.Configuration;

/// <summary>Reads HOCON with Akka's parser, which forgives what is most often a slip: those are found here.</summary>
internal static class HoconText
{
    /// <exception cref="FormatException">The text is no HOCON; the message says where, when that is known.</exception>
    public static ConfigNode Parse(string text)
    {
        if (FindSlip(text) is { } slip) throw new FormatException(slip);
        if (string.IsNullOrWhiteSpace(text)) return ConfigNode.Nothing;
        try
        {
            var config = ConfigurationFactory.ParseString(
                text, _ => throw new FormatException("include is not supported: put all settings into one file"));
            return ConfigNode.From(config.Root);
        }
        catch (Exception e) when (e is not FormatException and not OutOfMemoryException)
        {
            // The parser answers some input with whatever exception its code runs into.
            throw new FormatException(e is ConfigurationException ? e.Message : $"the parser gave up ({e.Message})", e);
        }
    }

    /// <summary>An unbalanced bracket or an unterminated string, with its place; null when there is none.</summary>
    private static string? FindSlip(string text)
    {
        var open = new Stack<(char Bracket, int At)>();
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '#' || (c == '/' && i + 1 < text.Length && text[i + 1] == '/'))
            {
                while (i + 1 < text.Length && text[i + 1] != '\n') i++;
            }
            else if (c == '"')
            {
                var end = EndOfString(text, i);
                if (end < 0) return $"the string that begins at {Place(text, i)} has no end";
                i = end;
            }
            else if (c is '{' or '[')
            {
                open.Push((c, i));
            }
            else if (c is '}' or ']')
            {
                var fits = open.TryPop(out var begin) && begin.Bracket == (c == '}' ? '{' : '[');
                if (!fits) return $"the '{c}' at {Place(text, i)} closes nothing";
            }
        }
        return open.TryPop(out var left) ? $"the '{left.Bracket}' at {Place(text, left.At)} is never closed" : null;
    }

    private static int EndOfString(string text, int start)
    {
        if (string.CompareOrdinal(text, start, "\"\"\"", 0, 3) == 0)
        {
            var end = text.IndexOf("\"\"\"", start + 3, StringComparison.Ordinal);
            return end < 0 ? -1 : end + 2;
        }
        for (var i = start + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == '"') return i;
        }
        return -1;
    }

    private static string Place(string text, int at)
    {
        var line = text.AsSpan(0, at).Count('\n') + 1;
        var column = at - text.LastIndexOf('\n', Math.Max(at - 1, 0), Math.Max(at, 1)) ;
        return $"line {line}, column {(line == 1 ? at + 1 : column)}";
    }
}
