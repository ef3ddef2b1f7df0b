namespace VmCacheCluster.Kata.Toml;

/// <summary>A text that is no TOML.</summary>
/// <param name="line">From 1 on.</param>
/// <param name="key">The key or table that was being read; empty: none yet.</param>
/// <param name="reason">In words for a user.</param>
internal sealed class TomlException(int line, string key, string reason) : Exception(reason)
{
    public int Line { get; } = line;

    public string Key { get; } = key;
}
