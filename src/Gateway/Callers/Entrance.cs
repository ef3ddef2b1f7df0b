using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace VmCacheCluster.Gateway.Callers;

/// <summary>What a call came in by.</summary>
public enum Entrance
{
    /// <summary>None that is known: nothing is served there.</summary>
    Unknown,
    /// <summary>A Unix socket: a caller of this host.</summary>
    Local,
    /// <summary>The port for the other nodes.</summary>
    Peers,
    /// <summary>The port for callers on other machines.</summary>
    Callers,
}

/// <summary>Each TCP listener marks its connections: addresses and numbers of ports tell nothing, as two may be alike.</summary>
public static class Entrances
{
    public static void MarkAs(this ListenOptions listen, Entrance entrance)
    {
        var mark = new Mark(entrance);
        listen.Use(next => connection =>
        {
            connection.Features.Set(mark);
            return next(connection);
        });
    }

    public static Entrance Of(HttpContext context)
        => context.Features.Get<Mark>() is { } mark ? mark.Entrance
            : context.Features.Get<IConnectionSocketFeature>()?.Socket.AddressFamily == AddressFamily.Unix ? Entrance.Local
            : Entrance.Unknown;

    private sealed record Mark(Entrance Entrance);
}
