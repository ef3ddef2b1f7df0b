namespace VmCacheCluster.Domain;

/// <summary>
/// A host's template as it offers it to another one. On its way it is one image: the device state, and behind it the guest's memory, whose
/// holes are left out.
/// </summary>
/// <param name="MadeAt">By the wall clock of its maker.</param>
/// <param name="MemoryLength">Of the guest, in bytes.</param>
/// <param name="MemoryBytes">Without the holes.</param>
/// <param name="MemoryDigest">As the files of a template have it.</param>
/// <param name="StateLength">In bytes.</param>
/// <param name="StateDigest">As the files of a template have it.</param>
public sealed record TemplateOffer(
    DateTimeOffset MadeAt, long MemoryLength, long MemoryBytes, string MemoryDigest, long StateLength, string StateDigest)
{
    /// <summary>Device states have some hundred kilobytes.</summary>
    public const long MostState = 64L << 20;

    /// <summary>Of the image.</summary>
    public long Length => StateLength + MemoryLength;

    /// <summary>Byte by byte the same template, whoever offers it.</summary>
    public bool IsSameAs(TemplateOffer other)
        => (MemoryLength, MemoryDigest, StateLength, StateDigest) == (other.MemoryLength, other.MemoryDigest, other.StateLength, other.StateDigest);

    /// <summary>Why it is not to be taken; null: it may be.</summary>
    /// <param name="memoryLength">That such VMs have.</param>
    /// <param name="notBefore">An older one would be made anew at once.</param>
    public string? WhyNot(long memoryLength, DateTimeOffset notBefore)
        => MemoryLength != memoryLength ? $"its memory has {MemoryLength} bytes and not {memoryLength}"
            : MemoryBytes < 0 || MemoryBytes > MemoryLength ? $"it says that {MemoryBytes} of {MemoryLength} bytes of its memory are used"
            : StateLength is <= 0 or > MostState ? $"its device state has {StateLength} bytes"
            : MadeAt < notBefore ? $"it is of {MadeAt.UtcDateTime:yyyy-MM-dd HH:mm:ss}Z, which is too old"
            : null;
}

/// <summary>Bytes that stand one behind the other.</summary>
/// <param name="Offset">Of the first, in the image.</param>
public readonly record struct Extent(long Offset, int Length)
{
    public long End => Offset + Length;
}

/// <summary>A part of an image.</summary>
/// <param name="Extents">In ascending order; between them are holes.</param>
/// <param name="Content">Of all extents. Valid until the next piece is asked for.</param>
/// <param name="Next">How far the image is known with this piece; what follows begins there.</param>
public sealed record TemplatePiece(IReadOnlyList<Extent> Extents, ReadOnlyMemory<byte> Content, long Next)
{
    /// <summary>The longest content.</summary>
    public const int Most = 1 << 20;

    /// <summary>What it took on its way; 0: it was on none.</summary>
    public int WireBytes { get; init; }
}
