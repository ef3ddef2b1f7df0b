using VmCacheCluster.Domain;
using VmCacheCluster.Domain.Ports;

namespace VmCacheCluster.Tests.TestSupport.Fakes;

/// <summary>A host's templates, as many as a test says.</summary>
public sealed class FakeLender : ITemplateLender
{
    private volatile TemplateDigest[] _held = [];

    public IReadOnlyCollection<TemplateDigest> Held
    {
        get => _held;
        set => _held = [.. value];
    }

    public Func<TemplateDigest, TemplateOffer?> Offering { get; set; } = _ => null;

    public Func<TemplateOffer, long, IEnumerable<TemplatePiece>?> Reading { get; set; } = (_, _) => null;

    public TemplateOffer? Offer(TemplateDigest digest) => Held.Contains(digest) ? Offering(digest) : null;

    public IEnumerable<TemplatePiece>? Read(TemplateDigest digest, TemplateOffer offer, long from)
        => Offer(digest) is { } own && own.IsSameAs(offer) ? Reading(offer, from) : null;
}
