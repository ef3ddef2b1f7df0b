using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Templates.Wire;

namespace VmCacheCluster.Gateway.Templates;

/// <summary>Offers as they are on the wire.</summary>
public static class TemplateMapping
{
    public static TemplateDescription Write(TemplateOffer offer) => new()
    {
        MadeAt = offer.MadeAt.ToUnixTimeMilliseconds(),
        MemoryLength = offer.MemoryLength,
        MemoryBytes = offer.MemoryBytes,
        MemoryDigest = offer.MemoryDigest,
        StateLength = offer.StateLength,
        StateDigest = offer.StateDigest,
    };

    /// <returns>Null: it makes no sense.</returns>
    public static TemplateOffer? Read(TemplateDescription description)
        => description.MadeAt < 0 || description.MadeAt > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() ? null
            : new TemplateOffer(
                DateTimeOffset.FromUnixTimeMilliseconds(description.MadeAt), description.MemoryLength, description.MemoryBytes, description.MemoryDigest,
                description.StateLength, description.StateDigest);
}
