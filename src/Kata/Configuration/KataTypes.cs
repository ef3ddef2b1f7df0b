using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>Whether Kata's decoder takes a value for a key, and in which words it does not.</summary>
internal static class KataTypes
{
    /// <summary>The largest whole number up to which a float32 has all of them.</summary>
    private const long MostSafeInFloat32 = 16777215;

    private static readonly string[] ImageKeys = ["name", "path", "verity_params"];

    /// <returns>Why not, with what to do; null: it does.</returns>
    public static (string Text, string Remedy)? Refusal(TomlValue value, KeyType type) => type switch
    {
        KeyType.Text => value is TomlText ? null : Mistyped(value, "string"),
        KeyType.Flag => value is TomlFlag ? null : Mistyped(value, "boolean"),
        KeyType.Texts => Each(value, item => Refusal(item, KeyType.Text)),
        KeyType.Images => Each(value, Image),
        KeyType.Real32 => Float(value),
        _ => Whole(value, type),
    };

    public static (string Text, string Remedy) NoTable(TomlValue value) => Mistyped(value, "table");

    private static (string, string)? Whole(TomlValue value, KeyType type) => value is not TomlInteger { Value: var number }
        ? Mistyped(value, "integer")
        : type switch
        {
            KeyType.Number32 when number is < 0 or > uint.MaxValue => OutOfRange(value, "uint32", "from 0 to 4294967295"),
            KeyType.Signed32 when number is < int.MinValue or > int.MaxValue => OutOfRange(value, "int32", "of 32 bits"),
            _ => null,
        };

    private static (string, string)? Float(TomlValue value) => value switch
    {
        // Kata's decoder takes it, and the VM's configuration cannot be sent to any client then.
        TomlFloat { Value: double.NaN } => ("json: unsupported value: NaN", "give a number"),
        TomlFloat { Value: double.PositiveInfinity } => ("+Inf is out of range for float32", "give a number"),
        TomlFloat { Value: double.NegativeInfinity } => ("-Inf is out of range for float32", "give a number"),
        TomlFloat { Value: > float.MaxValue or < float.MinValue } => OutOfRange(value, "float32", "of 32 bits"),
        TomlInteger { Value: > MostSafeInFloat32 or < -MostSafeInFloat32 } => OutOfRange(value, "float32", "up to 16777215"),
        TomlFloat or TomlInteger => null,
        _ => Mistyped(value, "float"),
    };

    private static (string, string)? Each(TomlValue value, Func<TomlValue, (string, string)?> refusal) => value switch
    {
        TomlArray array => array.Items.Select(refusal).FirstOrDefault(r => r is not null),
        TomlTables tables => tables.Items.Select(refusal).FirstOrDefault(r => r is not null),
        _ => Mistyped(value, "slice", "list"),
    };

    private static (string, string)? Image(TomlValue value) => value is not TomlTable table
        ? Mistyped(value, "table")
        : table.Entries
            .Where(e => ImageKeys.Contains(e.Key, StringComparer.OrdinalIgnoreCase))
            .Select(e => Refusal(e.Value, KeyType.Text))
            .FirstOrDefault(r => r is not null);

    private static (string, string) OutOfRange(TomlValue value, string type, string range) =>
        ($"{value.Shown} is out of range for {type}", $"give a number {range}");

    private static (string, string) Mistyped(TomlValue value, string wanted, string? plain = null)
    {
        var text = $"incompatible types: TOML value has type {value.Type}; destination has type {wanted}";
        return (text, $"give {(wanted[0] == 'i' ? "an" : "a")} {plain ?? wanted}");
    }
}
