using System.Net.Sockets;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Grpc.Net.Client;
using VmCacheCluster.Kata.Wire;

namespace VmCacheCluster.Tests.EndToEnd.Support;

/// <summary>Kata's service by the bare protocol, as its Go client speaks it: nothing between the test and the wire.</summary>
internal sealed class KataSocket : IDisposable
{
    private readonly GrpcChannel _channel;

    public KataSocket(string path)
    {
        _channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (_, cancel) => new NetworkStream(await ConnectAsync(path, cancel), ownsSocket: true),
            },
        });
        Service = new CacheService.CacheServiceClient(_channel);
    }

    public CacheService.CacheServiceClient Service { get; }

    public async Task<GrpcVM> GetBaseVmAsync(CancellationToken cancel = default, TimeSpan? deadline = null) =>
        await Service.GetBaseVMAsync(new Empty(), new CallOptions(deadline: DateTime.UtcNow + (deadline ?? TimeSpan.FromSeconds(60)), cancellationToken: cancel));

    /// <summary>A client's socket, for what no client should send.</summary>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancel = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => _channel.Dispose();
}
