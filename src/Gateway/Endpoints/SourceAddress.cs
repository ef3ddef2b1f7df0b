using System.Net;
using System.Net.Sockets;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// The address that a caller on another machine is counted by: all of an IPv4 address, the first 64 bits of an IPv6 address. A host has the
/// addresses of such a network to itself.
/// </summary>
public static class SourceAddress
{
    private const int NetworkBytes = 8;

    /// <returns><see cref="IPAddress.None"/>: it has no IP address. Null: it is no peer of a network.</returns>
    public static IPAddress? Of(EndPoint? peer) => peer switch
    {
        UnixDomainSocketEndPoint => null,
        IPEndPoint { Address: { IsIPv4MappedToIPv6: true } mapped } => mapped.MapToIPv4(),
        IPEndPoint { Address: { AddressFamily: AddressFamily.InterNetworkV6 } address } => Network(address),
        IPEndPoint { Address: var address } => address,
        _ => IPAddress.None,
    };

    private static IPAddress Network(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new IPAddress(bytes);
    }
}
