namespace VmCacheCluster.Domain.Ports;

/// <summary>The other hosts of the cluster, as templates come from them.</summary>
public interface ITemplatePeers
{
    /// <summary>Those that are said to have it, in the order in which they are to be asked. A host that is coming into its cluster waits a
    /// little for those it is about to know; any other one has its answer at once.</summary>
    Task<IReadOnlyList<ITemplatePeer>> FindAsync(TemplateDigest digest, CancellationToken cancel);
}

/// <summary>One of them. What fails is a <see cref="TemplatePeerException"/>.</summary>
public interface ITemplatePeer
{
    /// <summary>The name of its node.</summary>
    string Node { get; }

    Task<TemplateOffer> DescribeAsync(TemplateDigest digest, CancellationToken cancel);

    /// <summary>The image of what it offered, piece by piece, to its end.</summary>
    /// <param name="from">In the image; 0, or a piece's <see cref="TemplatePiece.Next"/>.</param>
    IAsyncEnumerable<TemplatePiece> ReadAsync(TemplateDigest digest, TemplateOffer offer, long from, CancellationToken cancel);
}

/// <summary>A peer gives nothing, or no more.</summary>
/// <param name="message">For a person.</param>
public sealed class TemplatePeerException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The templates of this host that others may have: those that its pools clone.</summary>
public interface ITemplateLender
{
    IReadOnlyCollection<TemplateDigest> Held { get; }

    /// <returns>Null: it is not here.</returns>
    TemplateOffer? Offer(TemplateDigest digest);

    /// <summary>The image, from an offset on. It stays readable to its end, whatever becomes of the template.</summary>
    /// <returns>Null: it is not here, or was made anew since it was offered.</returns>
    /// <exception cref="IOException">Reading failed; also while pieces are asked for.</exception>
    IEnumerable<TemplatePiece>? Read(TemplateDigest digest, TemplateOffer offer, long from);
}
