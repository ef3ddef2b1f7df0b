namespace VmCacheCluster.Cli;

/// <summary>Options of the form <c>NAME=VALUE</c>.</summary>
internal static class KeyValues
{
    /// <exception cref="CliException">One is not of the form.</exception>
    internal static Dictionary<string, string> Parse(string option, IEnumerable<string> entries)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var equals = entry.IndexOf('=');
            values[equals > 0 ? entry[..equals] : throw CliException.Usage($"{option} '{entry}' is not of the form NAME=VALUE")] = entry[(equals + 1)..];
        }

        return values;
    }
}
