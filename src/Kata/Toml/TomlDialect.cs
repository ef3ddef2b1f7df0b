namespace VmCacheCluster.Kata.Toml;

/// <summary>Which TOML a version of Kata reads: that of the decoder it was built with.</summary>
internal enum TomlDialect
{
    /// <summary>0.5 without dotted keys, other bases than ten, inf and nan. An array holds values of one type. Kata 1.x and 2.5.</summary>
    Old,
    /// <summary>1.0; a second array under one key replaces the first. Kata 3.5.</summary>
    V10,
    /// <summary>1.1: inline tables over several lines, \e and \x. Kata 4.1.</summary>
    V11,
}
