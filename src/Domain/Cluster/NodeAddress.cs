using System.Globalization;

namespace VmCacheCluster.Domain;

/// <summary>Where a node listens for the others: a host name or IP address, and a TCP port.</summary>
public readonly record struct NodeAddress(string Host, int Port) : IComparable<NodeAddress>
{
    /// <summary>Reads HOST:PORT; an IPv6 address stands in brackets.</summary>
    public static bool TryParse(string? text, out NodeAddress address)
    {
        address = default;
        var colon = text?.LastIndexOf(':') ?? -1;
        if (colon <= 0) return false;
        var host = text![..colon];
        if (host.StartsWith('[') != host.EndsWith(']') || (!host.StartsWith('[') && host.Contains(':'))) return false;
        host = host.Trim('[', ']');
        if (host.Length is 0 or > 253 || host.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '-' or ':' or '_'))) return false;
        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535) return false;
        address = new NodeAddress(host, port);
        return true;
    }

    /// <summary>The cluster's transport writes addresses without brackets: one such as fd00::1 would never be understood.</summary>
    public bool IsIPv6 => Host.Contains(':');

    public int CompareTo(NodeAddress other)
        => string.CompareOrdinal(Host, other.Host) is var byHost and not 0 ? byHost : Port.CompareTo(other.Port);

    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
