using Akka.Actor;
using Akka.Hosting;
using Google.Protobuf;
using Grpc.Core;
using VmCacheCluster.Actors.Cluster.Wire;
using VmCacheCluster.Actors.Gateway;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// A host's part in the keys that may be placed anywhere: it gives VMs for a key to the node that it takes for the key's home, and says which
/// keys its VMs have. Its leases are what is true.
/// </summary>
public sealed class KeyHolder(LeaseCalls local, ClusterEdge cluster, HostReporter reporter, IRequiredActor<GatewayActor> gateway)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    private readonly KeyFence _fence = new();

    /// <exception cref="RpcException">KEY_UNAVAILABLE, or as <see cref="LeaseCalls.AcquireAsync"/> refuses.</exception>
    public async Task<AcquireResponse> GiveAsync(GiveKey give, ServerCallContext context)
    {
        var key = KeyOf(give.Request.Pool, give.Request.IdempotencyKey);
        if (!_fence.Enter(key, give.Home.Uid, give.Home.Number)) throw GrpcErrors.KeyUnavailable("its home has asked what there is since");
        try
        {
            // Whoever asks for what there is from now on sees that one is being given, or is itself seen as the home here.
            await ObeyAsync(key, give.Home, context.GetHttpContext().RequestAborted);
            return await local.AcquireAsync(give.Request, context, give.WarmOnly);
        }
        catch (RpcException refusal) when (cluster.IsHop(context) && refusal.StatusCode is StatusCode.ResourceExhausted or StatusCode.Unavailable)
        {
            if (await reporter.ReportAsync(context) is { } report) refusal.Trailers.Add(HostReporter.Trailer, report.ToByteArray());
            throw;
        }
        finally
        {
            _fence.Leave(key);
        }
    }

    /// <exception cref="RpcException">KEY_UNAVAILABLE.</exception>
    public async Task<KeyFound> FindAsync(FindKey find, CancellationToken cancel)
    {
        var key = KeyOf(find.Pool, find.Key);
        await ObeyAsync(key, find.Home, cancel);
        var running = _fence.Look(key, find.Home.Uid, find.Home.Number);
        return new KeyFound { Held = running || (await KeysAsync(key, cancel)).Count > 0 };
    }

    /// <exception cref="RpcException">KEY_UNAVAILABLE.</exception>
    public async Task<KeysCollected> CollectAsync(CollectKeys collect, CancellationToken cancel)
    {
        var view = await cluster.KeysAsync(cancel);
        if (view.Self is null || KeyHomes.Digest(view) != collect.Members || !NodeName.TryParse(collect.Home.Node, out var home))
            throw GrpcErrors.KeyUnavailable($"{cluster.Name} sees other members");
        var running = _fence.LookAtAll(collect.Home.Uid, collect.Home.Number);
        var answer = new KeysCollected();
        foreach (var key in running.Union(await KeysAsync(null, cancel)).Where(k => KeyHomes.Obeys(view, k, home, collect.Home.Uid)))
            answer.Keys.Add(new HeldKey { Pool = key.Pool.Value, Key = key.Key });
        answer.Gone.AddRange(view.Gone.Select(g => g.Value));
        return answer;
    }

    public static PoolKey KeyOf(string pool, string key) => new(pool.Length == 0 ? PoolName.Default : new PoolName(pool), key);

    private async Task ObeyAsync(PoolKey key, KeyAsker home, CancellationToken cancel)
    {
        var view = await cluster.KeysAsync(cancel);
        if (!NodeName.TryParse(home.Node, out var node) || !KeyHomes.Obeys(view, key, node, home.Uid))
            throw GrpcErrors.KeyUnavailable($"{cluster.Name} does not take {home.Node} for its home now: they see different members");
    }

    private async Task<IReadOnlyList<PoolKey>> KeysAsync(PoolKey? only, CancellationToken cancel)
    {
        object answer;
        try
        {
            answer = await gateway.ActorRef.Ask<object>(new GetKeys(only), Timeout, cancel);
        }
        catch (AskTimeoutException)
        {
            answer = new KeysUnknown("it does not answer");
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }

        return answer is KeysHeld held ? held.Keys : throw GrpcErrors.KeyUnavailable($"{cluster.Name}: {((KeysUnknown)answer).Why}");
    }
}
