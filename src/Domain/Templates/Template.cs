namespace VmCacheCluster.Domain;

/// <summary>What a template was made of, as one number: equal digests mean interchangeable templates.</summary>
/// <param name="Value">SHA-256 in 64 lower-case hexadecimal digits.</param>
public readonly record struct TemplateDigest(string Value)
{
    public override string ToString() => Value;
}

/// <summary>A VM that was saved once and proved by a clone; clones start from it.</summary>
/// <param name="MadeAt">By the wall clock: it may be older than the host's last boot.</param>
/// <param name="MemoryBytes">What its guest's memory takes, pages of zeros left out.</param>
public sealed record Template(TemplateDigest Digest, DateTimeOffset MadeAt, long MemoryBytes)
{
    /// <summary>The node that it was taken from; null: it was made on this host.</summary>
    public string? From { get; init; }
}

/// <summary>How a pool's VMs are made.</summary>
public enum RefillChoice
{
    /// <summary>By clone; by boot where cloning is impossible or fails.</summary>
    Auto,
    Clone,
    Boot,
}
