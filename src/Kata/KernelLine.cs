namespace VmCacheCluster.Kata;

/// <summary>A kernel command line in Kata's way: split at spaces outside double quotes, which stay; key and value at the first "=".</summary>
public static class KernelLine
{
    /// <param name="line">The command line.</param>
    /// <param name="quotes">False: quotes hold nothing together, as in Kata before 3.x.</param>
    public static IReadOnlyList<KataParam> Split(string line, bool quotes = true)
    {
        if (!quotes) return [.. line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(Parameter)];
        var found = new List<KataParam>();
        var (start, quoted) = (0, false);
        for (var i = 0; i <= line.Length; i++)
        {
            if (i < line.Length && line[i] == '"') quoted = !quoted;
            if (i < line.Length && (line[i] != ' ' || quoted)) continue;
            if (line[start..i].Trim() is { Length: > 0 } part) found.Add(Parameter(part));
            start = i + 1;
        }
        return found;
    }

    private static KataParam Parameter(string text)
    {
        var equals = text.IndexOf('=');
        return equals < 0 ? new KataParam(text, "") : new KataParam(text[..equals], text[(equals + 1)..]);
    }
}
