using Microsoft.AspNetCore.Server.Kestrel.Core;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Every socket of this daemon: taken together, or none.</summary>
public sealed class OwnedEndpoints : IDisposable
{
    private readonly List<OwnedSocket> _sockets = [];

    private OwnedEndpoints()
    {
    }

    /// <exception cref="EndpointRefusedException">One of them cannot be had.</exception>
    public static OwnedEndpoints Take(NodeOptions options)
    {
        var taken = new OwnedEndpoints();
        try
        {
            foreach (var path in options.Pools.Select(p => p.Endpoint).OfType<string>().Prepend(options.Endpoint).Distinct())
            {
                taken._sockets.Add(OwnedSocket.Take(path));
            }

            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    public void ListenOn(KestrelServerOptions kestrel)
    {
        foreach (var socket in _sockets) kestrel.ListenUnixSocket(socket.Path, listen => listen.Protocols = HttpProtocols.Http2);
    }

    public void Restrict() => _sockets.ForEach(s => s.Restrict());

    public void Dispose() => _sockets.ForEach(s => s.Dispose());
}
