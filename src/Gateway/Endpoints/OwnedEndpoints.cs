using Microsoft.AspNetCore.Server.Kestrel.Core;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>Every socket of this daemon, and the directories with its state: taken together, or none.</summary>
public sealed class OwnedEndpoints : IDisposable
{
    private readonly List<OwnedSocket> _sockets = [];
    private readonly AddedSockets _added = new();
    private OwnedDirectories? _directories;

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

            taken._directories = OwnedDirectories.Take(options);
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
        kestrel.Configure(new ConfigurationBuilder().Add(_added).Build(), reloadOnChange: true);
    }

    public void Restrict() => _sockets.ForEach(s => s.Restrict());

    /// <summary>Makes again what was removed, as far as that can be.</summary>
    /// <param name="tell">Told what was found and done.</param>
    /// <returns>What is wrong now, one for each socket or directory.</returns>
    public IReadOnlyList<string> Keep(Action<string> tell)
        => [.. _sockets.Select(s => s.Keep(_added, tell)).OfType<string>(), .. _directories?.Keep(tell) ?? []];

    public void Dispose()
    {
        _directories?.Dispose();
        _sockets.ForEach(s => s.Dispose());
    }
}
