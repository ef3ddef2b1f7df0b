using System.Collections.Concurrent;
using Grpc.Net.Client;
using VmCacheCluster.Domain;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Connections to other nodes' peer ports, one a node.</summary>
public sealed class PeerChannels(NetworkTrust network) : IDisposable
{
    /// <summary>A host that does not answer so soon is given up, and another one is asked.</summary>
    private static readonly TimeSpan Connect = TimeSpan.FromSeconds(1);

    /// <summary>A connection is closed when nothing has run on it for so long.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(5);

    private readonly PeerTrust _trust = network.Peers;
    private readonly ConcurrentDictionary<NodeAddress, Lazy<Open>> _open = new();
    private readonly CancellationTokenSource _over = new();

    public GrpcChannel To(NodeAddress peer)
    {
        while (true)
        {
            var open = _open.GetOrAdd(peer, at => new Lazy<Open>(() => Make(at)));
            if (ReferenceEquals(open.Value.Identity, _trust.Current)) return open.Value.Channel;
            // The certificates are others now.
            if (_open.TryRemove(KeyValuePair.Create(peer, open))) _ = EndAsync(open.Value);
        }
    }

    public void Dispose()
    {
        _over.Cancel();
        foreach (var open in _open.Values) open.Value.Channel.Dispose();
    }

    /// <summary>Calls that are under way may go on for a while.</summary>
    private async Task EndAsync(Open old)
    {
        await Task.Delay(TlsIdentity.Grace, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        old.Channel.Dispose();
    }

    private Open Make(NodeAddress peer)
    {
        var identity = _trust.Current;
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = Connect,
            // A host that died without a word is noticed.
            KeepAlivePingDelay = TimeSpan.FromSeconds(1),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(1),
            PooledConnectionIdleTimeout = Idle,
            EnableMultipleHttp2Connections = true,
            UseProxy = false,
        };
        if (identity is not null) handler.SslOptions = identity.ClientOptions(peer.Host, problem => _trust.Tell(peer.ToString(), problem));
        return new Open(identity, GrpcChannel.ForAddress(
            $"{(identity is null ? "http" : "https")}://{peer}",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = Services.VmCacheService.LargestMessage, MaxRetryAttempts = 1 }));
    }

    private sealed record Open(TlsIdentity? Identity, GrpcChannel Channel);
}
