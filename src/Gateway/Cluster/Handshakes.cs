using System.Net;
using VmCacheCluster.Gateway.Endpoints;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// Bounds the TLS handshakes that are under way on one port, all together and of each address, so that a stranger's take neither the processors
/// nor the places of others. Safe for use by many threads.
/// </summary>
/// <param name="most">Of all addresses.</param>
/// <param name="mostOfOne">Of one address.</param>
/// <param name="limit">Null: 5 s.</param>
public sealed class Handshakes(int most = 64, int mostOfOne = 16, TimeSpan? limit = null)
{
    /// <summary>A handshake that takes longer is given up.</summary>
    public TimeSpan Limit { get; } = limit ?? TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _of = [];
    private int _all;

    /// <returns>A place, which disposing it gives back; null: there is none left.</returns>
    public IDisposable? TryBegin(EndPoint? peer)
    {
        var address = SourceAddress.Of(peer) ?? IPAddress.None;
        lock (_gate)
        {
            var own = _of.GetValueOrDefault(address);
            if (_all >= most || own >= mostOfOne) return null;
            _all++;
            _of[address] = own + 1;
        }

        return new Place(this, address);
    }

    private void End(IPAddress address)
    {
        lock (_gate)
        {
            _all--;
            if (_of[address] == 1) _of.Remove(address);
            else _of[address]--;
        }
    }

    private sealed class Place(Handshakes owner, IPAddress address) : IDisposable
    {
        private int _given;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _given, 1) == 0) owner.End(address);
        }
    }
}
