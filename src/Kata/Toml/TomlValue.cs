using System.Globalization;

namespace VmCacheCluster.Kata.Toml;

/// <summary>A value, with the line that it stands in.</summary>
internal abstract record TomlValue(int Line)
{
    /// <summary>Its type, as Kata's decoder names it.</summary>
    public abstract string Type { get; }

    /// <summary>As a user would write it; empty where that is long.</summary>
    public abstract string Shown { get; }
}

internal sealed record TomlText(string Value, int Line) : TomlValue(Line)
{
    public override string Type => "string";
    public override string Shown => $"\"{Value}\"";
}

internal sealed record TomlInteger(long Value, int Line) : TomlValue(Line)
{
    public override string Type => "int64";
    public override string Shown => Value.ToString(CultureInfo.InvariantCulture);
}

internal sealed record TomlFloat(double Value, int Line) : TomlValue(Line)
{
    public override string Type => "float64";

    public override string Shown => double.IsNaN(Value) ? "nan"
        : double.IsInfinity(Value) ? Value > 0 ? "inf" : "-inf"
        : Value.ToString(CultureInfo.InvariantCulture);
}

internal sealed record TomlFlag(bool Value, int Line) : TomlValue(Line)
{
    public override string Type => "bool";
    public override string Shown => Value ? "true" : "false";
}

/// <summary>A date, a time or both. No key of Kata's is one, so its value is not kept.</summary>
internal sealed record TomlDate(string Text, int Line) : TomlValue(Line)
{
    public override string Type => "datetime";
    public override string Shown => Text;
}

internal sealed record TomlArray(IReadOnlyList<TomlValue> Items, int Line) : TomlValue(Line)
{
    public override string Type => "array";
    public override string Shown => $"[{string.Join(", ", Items.Select(i => i.Shown))}]";
}

/// <summary>Tables under one name: [[name]].</summary>
internal sealed record TomlTables(int Line) : TomlValue(Line)
{
    public List<TomlTable> Items { get; } = [];

    public override string Type => "array of tables";
    public override string Shown => "";
}
