using System.Net;
using System.Net.Sockets;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Tests.TestSupport;

/// <summary>A TCP port of the loopback interface on which nothing listens now.</summary>
public static class FreePort
{
    public static int Find()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public static NodeAddress Address() => new("127.0.0.1", Find());
}
