using System.Globalization;

namespace VmCacheCluster.Domain;

/// <summary>Whom to ask for a template. Hosts tell of theirs by a hint, the beginning of the digest; whether it is that one is asked.</summary>
public static class TemplateHolders
{
    /// <summary>So many hosts are asked, so that a host that finds all of them busy soon makes its own.</summary>
    public const int Most = 4;

    public static ulong Hint(TemplateDigest digest) => ulong.Parse(digest.Value.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>Hosts that say they have it, at random: not all ask the same one.</summary>
    /// <param name="hosts">The others, as far as they are reached.</param>
    /// <param name="random">In [0, 1).</param>
    public static IReadOnlyList<HostCapacity> Choose(IEnumerable<HostCapacity> hosts, TemplateDigest digest, Func<double> random)
    {
        var hint = Hint(digest);
        return [.. hosts.Where(h => h.Templates.Contains(hint)).Select(h => (Host: h, Lot: random())).OrderBy(h => h.Lot).Take(Most).Select(h => h.Host)];
    }
}
