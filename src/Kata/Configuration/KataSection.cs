using VmCacheCluster.Domain;
using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>A table with the keys that Kata knows, each with a value of its type. What is not set reads as zero.</summary>
/// <param name="name">With its tables, such as hypervisor.qemu.</param>
/// <param name="main">The configuration.toml that drop-ins are merged into.</param>
internal sealed class KataSection(string name, string main)
{
    private const int MostShown = 200;
    private readonly Dictionary<string, KataSetting> _settings = new(StringComparer.Ordinal);

    public string MainFile { get; } = main;

    /// <summary>Where the table stands first.</summary>
    public string File { get; init; } = main;

    public string Name => name;

    public int Line { get; init; }

    public void Set(string key, KataSetting setting) => _settings[key] = setting;

    public KataSetting? Find(string key) => _settings.GetValueOrDefault(key);

    public string Text(string key, string otherwise = "") => Value(key) is TomlText { Value.Length: > 0 } text ? text.Value : otherwise;

    public bool Flag(string key) => Value(key) is TomlFlag { Value: true };

    /// <summary>An unsigned number of 32 bits; zero: not set.</summary>
    public uint Number(string key) => Value(key) is TomlInteger number ? (uint)number.Value : 0;

    /// <summary>A negative number reads as Kata's decoder reads it: by its bits.</summary>
    public ulong Long(string key) => Value(key) is TomlInteger number ? unchecked((ulong)number.Value) : 0;

    public float Real(string key) => Value(key) switch
    {
        TomlFloat number => (float)number.Value,
        TomlInteger number => number.Value,
        _ => 0,
    };

    /// <summary>Null: not set.</summary>
    public IReadOnlyList<string>? List(string key) =>
        Value(key) is TomlArray array ? [.. array.Items.Cast<TomlText>().Select(t => t.Value)] : null;

    /// <summary>Tables in a list; none: not set.</summary>
    public IReadOnlyList<TomlTable> Tables(string key) => Value(key) switch
    {
        TomlTables tables => tables.Items,
        TomlArray array => [.. array.Items.Cast<TomlTable>()],
        _ => [],
    };

    public KataFault Fault(string key, string text, string remedy = "") => _settings.TryGetValue(key, out var setting)
        ? new KataFault(setting.File, setting.Key, Shown(setting.Value), text, remedy) { Line = setting.Line }
        : new KataFault(File, $"{name}.{key}", "", text, remedy);

    /// <summary>A value in one line of a message.</summary>
    public static string Shown(TomlValue value)
    {
        var shown = Printable.OneLine(value.Shown);
        return shown.Length > MostShown ? shown[..MostShown] + "..." : shown;
    }

    private TomlValue? Value(string key) => _settings.TryGetValue(key, out var setting) ? setting.Value : null;
}
