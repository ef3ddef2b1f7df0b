namespace VmCacheCluster.Domain;

/// <summary>How far the transfer of a template is, and whether what comes belongs to it. A transfer that broke goes on where it was,
/// from any host that offers the same.</summary>
public sealed class TemplateProgress
{
    private TemplateOffer? _offer;

    /// <summary>Where the image is to be read on.</summary>
    public long Position { get; private set; }

    /// <summary>What came over the wire, in vain too.</summary>
    public long WireBytes { get; private set; }

    public bool Complete => _offer is { } offer && Position == offer.Length;

    /// <returns>True: what is there already is of the same template; false: the transfer begins.</returns>
    public bool Continue(TemplateOffer offer)
    {
        var same = _offer is { } before && before.IsSameAs(offer);
        if (!same) Position = 0;
        _offer = offer;
        return same;
    }

    /// <summary>Takes a piece in, if it is the next one.</summary>
    /// <returns>Why it must not be written; null: it is to be.</returns>
    public string? Take(TemplatePiece piece)
    {
        if (_offer is not { } offer) return "nothing was offered";
        WireBytes += piece.WireBytes;
        if (piece.Content.Length > TemplatePiece.Most) return $"a piece has {piece.Content.Length} bytes";
        var (at, bytes) = (Position, 0L);
        foreach (var extent in piece.Extents)
        {
            if (extent.Length <= 0 || extent.Offset < at || extent.Offset > offer.Length - extent.Length) return $"a piece has {extent.Length} bytes for offset {extent.Offset}, after {at} of {offer.Length}";
            if (extent.Offset < offer.StateLength && extent.End > offer.StateLength) return "a piece is both of the state and of the memory";
            at = extent.End;
            bytes += extent.Length;
        }

        if (bytes != piece.Content.Length) return $"a piece has {piece.Content.Length} bytes and announces {bytes}";
        if (piece.Next < at || piece.Next > offer.Length || piece.Next <= Position) return $"a piece ends at {piece.Next}, after {at} of {offer.Length}";
        Position = piece.Next;
        return null;
    }
}
