namespace VmCacheCluster.Tests.FakeQemu;

/// <summary>QEMU's "first,key=value,flag" notation, in which ",," stands for a comma.</summary>
internal sealed class KeyValues
{
    private readonly Dictionary<string, string> _values = [];

    public KeyValues(string text)
    {
        var parts = text.Replace(",,", "\0").Split(',').Select(p => p.Replace('\0', ',')).ToArray();
        First = parts[0];
        foreach (var part in parts)
        {
            var at = part.IndexOf('=');
            if (at > 0) _values[part[..at]] = part[(at + 1)..];
        }
    }

    public string First { get; }

    public string? this[string key] => _values.GetValueOrDefault(key);
}
