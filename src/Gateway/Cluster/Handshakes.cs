using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Bounds the TLS handshakes that are under way on one port: all together, of each address, and of each IPv6 network (/64), in which one host can have
/// any number of addresses. So a stranger's take neither the processors nor the places of others. Safe for use by many threads.
/// </summary>
/// <param name="most">Of all addresses.</param>
/// <param name="mostOfNetwork">Of one IPv6 network.</param>
/// <param name="mostOfOne">Of one address.</param>
/// <param name="limit">Null: 5 s.</param>
public sealed class Handshakes(int most = 64, int mostOfNetwork = 32, int mostOfOne = 16, TimeSpan? limit = null)
{
    private const int NetworkBytes = 8;

    /// <summary>A handshake that takes longer is given up.</summary>
    public TimeSpan Limit { get; } = limit ?? TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly KeyedCounts<IPAddress> _of = new(), _ofNetwork = new();
    private int _all;

    /// <returns>A place, which disposing it gives back; null: there is none left.</returns>
    public IDisposable? TryBegin(EndPoint? peer)
    {
        var address = (peer as IPEndPoint)?.Address ?? IPAddress.None;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        var network = address.AddressFamily == AddressFamily.InterNetworkV6 ? NetworkOf(address) : null;
        lock (_gate)
        {
            if (_all >= most || _of.Of(address) >= mostOfOne || (network is not null && _ofNetwork.Of(network) >= mostOfNetwork)) return null;
            Add(address, network, 1);
        }

        return new HeldPlace(() =>
        {
            lock (_gate) Add(address, network, -1);
        });
    }

    private void Add(IPAddress address, IPAddress? network, int difference)
    {
        _all += difference;
        _of.Add(address, difference);
        if (network is not null) _ofNetwork.Add(network, difference);
    }

    private static IPAddress NetworkOf(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new IPAddress(bytes);
    }
}
