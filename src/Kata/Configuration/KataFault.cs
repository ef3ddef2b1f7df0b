namespace VmCacheCluster.Kata.Configuration;

/// <summary>Something that is wrong with a configuration.toml.</summary>
/// <param name="File">Where it stands.</param>
/// <param name="Key">Such as hypervisor.qemu.kernel; empty: the file as a whole.</param>
/// <param name="Value">As it stands there; empty: none.</param>
/// <param name="Text">As Kata's runtime says it.</param>
/// <param name="Remedy">What to do about it.</param>
public sealed record KataFault(string File, string Key, string Value, string Text, string Remedy)
{
    /// <summary>From 1 on; 0: of the file as a whole.</summary>
    public int Line { get; init; }

    /// <summary>Whose verdict it is, such as "3.5 and 4.1"; empty: not said.</summary>
    public string Version { get; init; } = "";

    /// <summary>The text with the version that says it.</summary>
    public string Said => Version.Length == 0 ? Text : $"Kata {Version}: {Text}";

    /// <summary>File and line.</summary>
    public string Place => Line > 0 ? $"file {File}, line {Line}" : $"file {File}";

    public override string ToString()
    {
        var setting = Value.Length == 0 ? Key : $"{Key} = {Value}";
        return $"{Said} ({(Key.Length == 0 ? Place : $"{setting} in {Place}")}){(Remedy.Length == 0 ? "" : $"; {Remedy}")}";
    }
}
