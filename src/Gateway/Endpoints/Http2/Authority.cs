using System.Buffers;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>What Kestrel takes as <c>:authority</c>, and what is put in the place of another.</summary>
internal static class Authority
{
    public static ReadOnlySpan<byte> Name => ":authority"u8;

    private static readonly SearchValues<byte> Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"u8);

    private static readonly SearchValues<byte> Digits = SearchValues.Create("0123456789"u8);

    /// <summary>
    /// A host's name or IPv4 address, and maybe a port. Kestrel takes more (IPv6 addresses, marks that no host name has); what a caller of a
    /// Unix socket names as its host is of no use to anybody.
    /// </summary>
    public static bool IsPlain(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) return true;
        var colon = value.IndexOf((byte)':');
        var host = colon < 0 ? value : value[..colon];
        var port = colon < 0 ? default : value[(colon + 1)..];
        return !host.IsEmpty && !host.ContainsAnyExcept(Letters) && (colon < 0 || (!port.IsEmpty && !port.ContainsAnyExcept(Digits)));
    }

    /// <summary>A host's name of the same length, so that both sides count it alike.</summary>
    public static void Fill(Span<byte> value) => value.Fill((byte)'x');
}
