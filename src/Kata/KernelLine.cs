namespace VmCacheCluster.Kata;

/// <summary>A kernel command line in Kata's way: split at spaces outside double quotes, which stay; key and value at the first "=".</summary>
public static class KernelLine
{
    public static IReadOnlyList<KataParam> Split(string line)
    {
        var found = new List<KataParam>();
        var (start, quoted) = (0, false);
        for (var i = 0; i <= line.Length; i++)
        {
            if (i < line.Length && line[i] == '"') quoted = !quoted;
            if (i < line.Length && (line[i] != ' ' || quoted)) continue;
            if (i > start) found.Add(Parameter(line[start..i]));
            start = i + 1;
        }
        return found;
    }

    /// <summary>As Kata did until 3.2: split at every white space; quotes mean nothing.</summary>
    public static IReadOnlyList<KataParam> Fields(string line)
        => [.. line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(Parameter)];

    private static KataParam Parameter(string text)
    {
        var equals = text.IndexOf('=');
        return equals < 0 ? new KataParam(text, "") : new KataParam(text[..equals], text[(equals + 1)..]);
    }
}
