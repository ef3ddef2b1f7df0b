using System.Diagnostics.CodeAnalysis;

namespace VmCacheCluster.Kata.Toml;

/// <summary>A key and its value, with the line of the key.</summary>
internal readonly record struct TomlEntry(string Key, TomlValue Value, int Line);

/// <summary>A table; its keys are in the order in which the text first names them.</summary>
internal sealed record TomlTable(int Line) : TomlValue(Line)
{
    private readonly Dictionary<string, TomlEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>It was only named on the way to another table, and may still be opened once.</summary>
    public bool Implied { get; set; }

    public IEnumerable<TomlEntry> Entries => _entries.Values;

    public override string Type => "table";

    public override string Shown => "";

    public bool TryGet(string key, [NotNullWhen(true)] out TomlValue? value)
    {
        value = _entries.TryGetValue(key, out var entry) ? entry.Value : null;
        return value is not null;
    }

    public int LineOf(string key) => _entries[key].Line;

    public void Set(string key, TomlValue value, int line) => _entries[key] = new TomlEntry(key, value, line);
}
