using System.Net.Sockets;
using Grpc.Core;
using Microsoft.AspNetCore.Connections.Features;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Services;

/// <summary>Kata's calls name no pool: the socket that a call came by does.</summary>
public sealed class SocketPools
{
    private readonly Dictionary<string, PoolOptions> _byPath;
    private readonly PoolOptions _default;

    public SocketPools(NodeOptions options)
    {
        _default = options.Pools.First(p => p.Name == PoolName.Default);
        _byPath = options.Pools.Where(p => p.Endpoint is not null).ToDictionary(p => p.Endpoint!);
        _byPath[options.Endpoint] = _default;
    }

    public PoolOptions Of(ServerCallContext context)
    {
        var socket = context.GetHttpContext().Features.Get<IConnectionSocketFeature>()?.Socket;
        return socket?.LocalEndPoint is UnixDomainSocketEndPoint { } local && _byPath.TryGetValue(local.ToString(), out var pool)
            ? pool
            : _default;
    }
}
