using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace VmCacheCluster.Domain;

/// <summary>A pool that was applied: on every host of a cluster, or on one that is in none.</summary>
/// <param name="Version">Unix milliseconds of when it was applied; of two the higher one counts.</param>
/// <param name="Text">Its settings, as lines "key = value"; empty when it was deleted.</param>
public sealed record PoolDefinition(PoolName Name, long Version, string Text, bool Deleted = false)
{
    /// <summary>It counts instead of the other one. Of two that were applied in the same millisecond on two hosts every host takes the same.</summary>
    public bool Supersedes(PoolDefinition? other)
        => other is null || Version > other.Version || (Version == other.Version && string.CompareOrdinal($"{Deleted}{Text}", $"{other.Deleted}{other.Text}") > 0);

    /// <summary>Equal for hosts that know the same; 0: none is known.</summary>
    public static ulong Digest(IEnumerable<PoolDefinition> all)
    {
        var known = all.OrderBy(d => d.Name.Value, StringComparer.Ordinal).ToList();
        if (known.Count == 0) return 0;
        var text = string.Join('\n', known.Select(d => $"{d.Name} {d.Version} {d.Deleted} {d.Text}"));
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
