namespace VmCacheCluster.Kata;

/// <summary>Which client a Config is for.</summary>
public enum KataTarget
{
    /// <summary>Kata 3.x and 4.x from one reply, but for the few settings in which they contradict each other.</summary>
    Union,
    /// <summary>3.5, byte for byte as its own server sends it.</summary>
    Kata35,
    /// <summary>4.1, with its fields alone.</summary>
    Kata41,
    /// <summary>1.13, with its agents and proxies, and its fields alone.</summary>
    Kata113,
    /// <summary>2.5, with its fields alone.</summary>
    Kata25,
}
