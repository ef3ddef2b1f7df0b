using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>What a key's home asks of hosts, this one among them.</summary>
public sealed class KeyPeers(KeyHolder here, PeerChannels peers, TimeProvider time)
{
    /// <summary>A host that does not say so soon what it has may be gone.</summary>
    private static readonly TimeSpan LookTimeout = TimeSpan.FromSeconds(3);

    /// <exception cref="RpcException"/>
    public async Task<AcquireResponse> GiveAsync(KeyMember self, KeyMember to, GiveKey give, DateTime deadline, ServerCallContext context)
        => to.Node == self.Node
            ? await here.GiveAsync(give, context)
            : await Client(to).GiveAsync(give, deadline: deadline == DateTime.MaxValue ? null : deadline, cancellationToken: context.GetHttpContext().RequestAborted);

    /// <returns>Null: it does not say.</returns>
    public async Task<bool?> FindAsync(KeyMember self, KeyMember at, FindKey find, CancellationToken cancel)
    {
        try
        {
            return (at.Node == self.Node ? await here.FindAsync(find, cancel) : await Client(at).FindAsync(find, deadline: time.GetUtcNow().UtcDateTime + LookTimeout, cancellationToken: cancel)).Held;
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <exception cref="RpcException"/>
    public async Task<KeysCollected> CollectAsync(KeyMember self, KeyMember at, CollectKeys collect, CancellationToken cancel)
        => at.Node == self.Node ? await here.CollectAsync(collect, cancel) : await Client(at).CollectAsync(collect, deadline: time.GetUtcNow().UtcDateTime + LookTimeout, cancellationToken: cancel);

    /// <exception cref="RpcException"/>
    public async Task<AcquireResponse> PlaceAsync(KeyMember home, PlaceKey place, ServerCallContext context)
        => await Client(home).PlaceAsync(place, PeerHost.OptionsOf(context));

    /// <summary>No connection came about: nothing was asked.</summary>
    public static bool WasNotAsked(RpcException fault)
    {
        for (var cause = fault.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError })
                return true;
        }

        return false;
    }

    private KeyPeer.KeyPeerClient Client(KeyMember to)
        => to.Peer is { } peer ? new KeyPeer.KeyPeerClient(peers.To(peer)) : throw new RpcException(new Status(StatusCode.Unavailable, $"{to.Node} has not said where it serves"));
}
