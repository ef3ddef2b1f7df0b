using System.IO.Pipelines;

namespace VmCacheCluster.Gateway.Endpoints.Http2;

/// <summary>A connection of a Unix socket. Old clients (grpc-go before 1.34, with every Kata 1.x) name the socket's path as the host, which
/// Kestrel refuses without a setting for it.</summary>
internal sealed class RequestTransport(IDuplexPipe client) : IDuplexPipe
{
    public PipeReader Input { get; } = new RequestReader(client.Input);

    public PipeWriter Output => client.Output;
}
