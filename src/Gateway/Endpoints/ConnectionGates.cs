using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>The limits of all sockets: one for the Unix sockets together, one for each TCP port, so that no stranger takes a place of this host's.</summary>
public sealed class ConnectionGates(ConnectionLimits limits, TimeProvider time, ILogger log)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ConnectionGate> _network = [];

    public ConnectionGate Local { get; } = new(limits.Local, "callers of this host", "max-connections", time, log);

    /// <summary>Those of the TCP ports that are listened on.</summary>
    public IReadOnlyList<ConnectionGate> Network
    {
        get { lock (_lock) return [.. _network.Values]; }
    }

    public ConnectionGate Of(EndPoint endpoint)
    {
        if (endpoint is UnixDomainSocketEndPoint) return Local;
        var name = endpoint.ToString() ?? "";
        lock (_lock)
        {
            if (!_network.TryGetValue(name, out var gate))
                _network.Add(name, gate = new ConnectionGate(limits.Network, $"callers of {name}", "max-network-connections", time, log));
            return gate;
        }
    }
}
