using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>The limits of all sockets: one for the Unix sockets together, one for each TCP port, so that no stranger takes a place of this host's.</summary>
public sealed class ConnectionGates(ConnectionLimits limits, TimeProvider time, ILogger log)
{
    private readonly Lock _lock = new();
    private ConnectionLimits _limits = limits;
    private readonly Dictionary<string, ConnectionGate> _network = [];

    public ConnectionGate Local { get; } = new(limits.Local, "callers of this host", "max-connections", time, log);

    /// <summary>Those of the TCP ports that are listened on.</summary>
    public IReadOnlyList<ConnectionGate> Network
    {
        get { lock (_lock) return [.. _network.Values]; }
    }

    /// <summary>The pools have changed, and with them what is left for connections.</summary>
    public void Change(ConnectionLimits now)
    {
        lock (_lock)
        {
            if (now == _limits) return;
            _limits = now;
            Local.Limit = now.Local;
            foreach (var gate in _network.Values) gate.Limit = now.Network;
        }

        log.LogInformation(
            "with these pools there is room for {Local} connections of this host's callers, and {Network} to each TCP port", now.Local, now.Network);
    }

    public ConnectionGate Of(EndPoint endpoint) => endpoint is UnixDomainSocketEndPoint ? Local : Of(endpoint.ToString() ?? "");

    /// <param name="name">Of a TCP port: its address.</param>
    public ConnectionGate Of(string name)
    {
        lock (_lock)
        {
            if (!_network.TryGetValue(name, out var gate))
                _network.Add(name, gate = new ConnectionGate(_limits.Network, $"callers of {name}", "max-network-connections", time, log));
            return gate;
        }
    }
}
