using System.Globalization;
using Tomlyn.Model;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>
/// A table of the configuration with the types that Kata reads its keys as. What is of another type is a fault, and reads as if it were
/// not there, so that the rest is judged too. Every key that is asked for counts as known.
/// </summary>
internal sealed class TomlSection(TomlTable? table, string name, TomlFile file, ICollection<KataFault> faults)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>The configuration.toml that drop-ins were merged into.</summary>
    public string MainFile => file.Path;

    /// <summary>Keys that nothing has asked for, as faults without words.</summary>
    public IEnumerable<KataFault> UnknownOf(IReadOnlySet<string> besides) =>
        (table?.Keys ?? []).Where(k => !_known.Contains(k) && !besides.Contains(k)).Select(k => Fault(k, ""));

    public string Text(string key, string otherwise = "") => Value(key) is not { } value ? otherwise
        : value is string text ? text.Length == 0 ? otherwise : text
        : Mistyped(key, value, "string", otherwise);

    public bool Flag(string key) => Value(key) is { } value && (value is bool flag ? flag : Mistyped(key, value, "boolean", false));

    /// <summary>An unsigned number of 32 bits; zero: not set.</summary>
    public uint Number(string key) => (uint)Whole(key, 0, uint.MaxValue, "uint32");

    public ulong Long(string key) => (ulong)Whole(key, 0, long.MaxValue, "uint64");

    public float Real(string key) => Value(key) switch
    {
        null => 0,
        double number => (float)number,
        long number => number,
        var value => Mistyped(key, value, "float", 0f),
    };

    /// <summary>Null: not set.</summary>
    public IReadOnlyList<string>? List(string key)
    {
        if (Value(key) is not { } value) return null;
        if (value is not TomlArray array) return Mistyped<IReadOnlyList<string>?>(key, value, "slice", null);
        return array.FirstOrDefault(item => item is not string) is { } odd ? Mistyped<IReadOnlyList<string>?>(key, odd, "string", null) : [.. array.Cast<string>()];
    }

    public KataFault Fault(string key, string text, string remedy = "") =>
        new(file.FileOf(Full(key)), Full(key), table is not null && table.TryGetValue(key, out var value) ? Shown(value) : "", text, remedy);

    private long Whole(string key, long least, long most, string type) => Value(key) switch
    {
        null => 0,
        long number when number >= least && number <= most => number,
        long number => OutOfRange(key, number, type),
        var value => Mistyped(key, value, "integer", 0L),
    };

    private object? Value(string key)
    {
        _known.Add(key);
        return table is not null && table.TryGetValue(key, out var value) ? value : null;
    }

    private long OutOfRange(string key, long number, string type)
    {
        faults.Add(Fault(key, $"toml: (last key \"{Full(key)}\"): {number} is out of range for {type}", "give a number in its range"));
        return 0;
    }

    private T Mistyped<T>(string key, object value, string wanted, T otherwise)
    {
        faults.Add(Fault(key, $"toml: (last key \"{Full(key)}\"): incompatible types: TOML value has type {TypeOf(value)}; destination has type {wanted}", $"give a {wanted}"));
        return otherwise;
    }

    private string Full(string key) => name.Length == 0 ? key : $"{name}.{key}";

    private static string TypeOf(object value) => value switch
    {
        string => "string",
        long => "integer",
        double => "float",
        bool => "bool",
        TomlArray or TomlTableArray => "array",
        TomlTable => "table",
        _ => "datetime",
    };

    private static string Shown(object? value) => value switch
    {
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        TomlArray array => $"[{string.Join(", ", array.Select(Shown))}]",
        _ => "",
    };
}
