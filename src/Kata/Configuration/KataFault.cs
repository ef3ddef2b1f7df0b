namespace VmCacheCluster.Kata.Configuration;

/// <summary>Something that is wrong with a configuration.toml.</summary>
/// <param name="File">Where it stands.</param>
/// <param name="Key">Such as hypervisor.qemu.kernel; empty: the file as a whole.</param>
/// <param name="Value">As it stands there; empty: none.</param>
/// <param name="Text">As Kata's runtime says it.</param>
/// <param name="Remedy">What to do about it.</param>
public sealed record KataFault(string File, string Key, string Value, string Text, string Remedy)
{
    public override string ToString()
        => Text + (Key.Length == 0 ? $" (file {File})" : $" ({Key}{(Value.Length == 0 ? "" : $" = {Value}")} in file {File})") + (Remedy.Length == 0 ? "" : $"; {Remedy}");
}
