namespace VmCacheCluster.Domain;

public enum Adoption
{
    /// <summary>It is ours and somebody's: it goes on.</summary>
    Adopt,
    /// <summary>It is ours and nobody's: its process, if it lives, and its directories go.</summary>
    Reap,
    /// <summary>It cannot be known whose it is: it is left as it is, and a person is told.</summary>
    Quarantine,
}

/// <param name="Reason">For a person.</param>
public sealed record AdoptionVerdict(Adoption What, string Reason);

/// <summary>What a VM that was taken over turned out to be.</summary>
public enum TakenOver
{
    /// <summary>As its mark says.</summary>
    AsMarked,
    /// <summary>Its holder has run it since its mark was written.</summary>
    RanMeanwhile,
    /// <summary>Worthless.</summary>
    Spoilt,
}

/// <param name="Reason">Why it is spoilt; else empty.</param>
public sealed record TakeOverVerdict(TakenOver What, string Reason = "");
