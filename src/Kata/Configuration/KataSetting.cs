using VmCacheCluster.Kata.Toml;

namespace VmCacheCluster.Kata.Configuration;

/// <summary>A key of a configuration with its value, which is of the key's type.</summary>
/// <param name="File">Where it stands.</param>
/// <param name="Key">As it is written there, with its tables.</param>
internal sealed record KataSetting(string File, string Key, TomlValue Value, int Line);
