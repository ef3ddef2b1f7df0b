namespace VmCacheCluster.Gateway.Configuration.Hocon;

/// <summary>
/// Bounds of what is read: files of an operator are far below them, and whoever sends more is refused before it costs anything.
/// Nesting and references bound the reader's own recursion.
/// </summary>
internal static class HoconLimits
{
    /// <summary>Characters of one text; also of what its references make of it.</summary>
    public const int Characters = 1 << 20;

    public const int Tokens = 100_000;

    /// <summary>Objects and lists in each other; each part of a key counts as one.</summary>
    public const int Levels = 24;

    /// <summary>Characters of one part of a key.</summary>
    public const int Key = 256;

    /// <summary>${...} in one text.</summary>
    public const int References = 64;
}
