namespace VmCacheCluster.Domain;

/// <summary>How a host gives its templates to others, and takes theirs.</summary>
/// <param name="BytesPerSecond">What it sends at most, all transfers together; null: as fast as it goes.</param>
/// <param name="Wait">How long a host that is coming into its cluster waits for those who may have its template, before it makes its own.</param>
public sealed record TemplateSharing(long? BytesPerSecond, TimeSpan Wait);
