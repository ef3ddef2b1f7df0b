using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Endpoints.Http2;

namespace VmCacheCluster.Gateway.Endpoints;

/// <summary>
/// Kestrel's sockets, behind the gates. Its own limit counts when a connection is served, which comes after the next ones are accepted: of a burst
/// it holds all descriptors. Here none is accepted before the one too many is closed.
/// </summary>
internal sealed class GatedTransport(SocketTransportFactory sockets, ConnectionGates gates) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private const int GoodbyesAtOnce = 8;

    public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancel = default)
        => new Listener(await sockets.BindAsync(endpoint, cancel), gates.Of(endpoint));

    private sealed class Listener(IConnectionListener inner, ConnectionGate gate) : IConnectionListener
    {
        /// <summary>Each holds a descriptor for a moment; when there are more to be told, the rest is not.</summary>
        private readonly SemaphoreSlim _goodbyes = new(GoodbyesAtOnce);

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancel = default)
        {
            while (await inner.AcceptAsync(cancel) is { } connection)
            {
                if (gate.TryEnter())
                {
                    if (EndPoint is UnixDomainSocketEndPoint) connection.Transport = new RequestTransport(connection.Transport);
                    return new GatedConnection(connection, gate);
                }

                // Over TCP there would be TLS to speak first.
                if (EndPoint is not UnixDomainSocketEndPoint) await connection.DisposeAsync();
                else if (_goodbyes.Wait(0, CancellationToken.None)) _ = SayGoodbyeAsync(connection);
                else await connection.DisposeAsync();
            }

            return null;
        }

        private async Task SayGoodbyeAsync(ConnectionContext connection)
        {
            try
            {
                await Goodbye.SayAsync(connection, gate.Reason);
                await connection.DisposeAsync();
            }
            finally
            {
                _goodbyes.Release();
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancel = default) => inner.UnbindAsync(cancel);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

public static class GatedTransportServices
{
    /// <summary>Kestrel asks the transport that was added last first.</summary>
    public static void AddGatedConnections(this IServiceCollection services, ConnectionLimits limits)
    {
        services.AddSingleton(provider => new ConnectionGates(
            limits, TimeProvider.System, provider.GetRequiredService<ILoggerFactory>().CreateLogger("vmcached")));
        services.AddSingleton<IConnectionListenerFactory>(provider => new GatedTransport(
            new SocketTransportFactory(provider.GetRequiredService<IOptions<SocketTransportOptions>>(), provider.GetRequiredService<ILoggerFactory>()),
            provider.GetRequiredService<ConnectionGates>()));
    }
}
