using Grpc.Core;
using VmCacheCluster.Contracts.V1;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>
/// A node's part as the home of idempotency keys: it has a VM given for a key on one host, one call of a key at a time. Which host is about to be
/// asked is noted before it is. A host that may have given one without our knowing it is asked before any other is; while that does not answer,
/// nobody can be served. What a node does not know when it becomes a key's home, all hosts tell it first.
/// </summary>
public sealed class KeyHome(ClusterEdge cluster, KeyPeers peers, Placer placer, HostReporter reporter, TimeProvider time)
{
    private const int MostCallers = 4096;

    /// <summary>Members may change while they are asked.</summary>
    private const int MostRounds = 3;

    private readonly KeySurvey _survey = new(
        new KeyTable(), () => cluster.KeysAsync(CancellationToken.None),
        (view, host, question) => peers.CollectAsync(view.Self!, host, question, CancellationToken.None), time);

    private readonly KeyTurns _turns = new(MostCallers);

    private KeyTable Table => _survey.Table;

    /// <param name="asker">The node that the caller asked.</param>
    /// <param name="fits">It has the labels that are asked for.</param>
    /// <exception cref="RpcException">KEY_UNAVAILABLE, or as Acquire refuses.</exception>
    public async Task<AcquireResponse> PlaceAsync(AcquireRequest request, NodeName asker, bool fits, ServerCallContext context)
    {
        var (pool, placement) = PlacementReader.ReadAll(request);
        var key = new PoolKey(pool, request.IdempotencyKey);
        using var turn = await TurnAsync(key, context);
        _survey.TidyLarge();
        for (var round = 0; ; round++)
        {
            var view = await HereAsync(key, context.GetHttpContext().RequestAborted);
            if (await AgainAsync(view, key, request, context) is { } known) return known;
            if (!Table.KnowsAllOf(view, key))
            {
                if (round == MostRounds) throw GrpcErrors.KeyUnavailable("the members of the cluster are changing");
                await _survey.LearnAsync(key, context.GetHttpContext().RequestAborted);
                continue;
            }

            if (KeyHomes.WhyNotPlaced(view) is { } why) throw GrpcErrors.KeyUnavailable(why);
            if (Table.IsFull) throw GrpcErrors.KeysFull(cluster.Name, Table.Most);
            var hosts = new PlacementHosts(
                asker, fits, warm => GiveAsync(view, asker, key, request, warm, context.Deadline, context),
                (host, warm, deadline) => GiveAsync(view, host.Node, key, request, warm, deadline, context), host => IsWorseAsync(host, asker, pool, context));
            return await placer.PlaceAsync(request, pool, placement, hosts, context);
        }
    }

    private async Task<IDisposable> TurnAsync(PoolKey key, ServerCallContext context)
    {
        var aborted = context.GetHttpContext().RequestAborted;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        if (context.Deadline != DateTime.MaxValue)
        {
            var left = BaseVmAcquirer.Left(context.Deadline, time) * 0.9;
            over.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }

        try
        {
            return await _turns.EnterAsync(key, over.Token);
        }
        catch (OperationCanceledException)
        {
            throw aborted.IsCancellationRequested ? GrpcErrors.Cancelled() : GrpcErrors.KeyUnavailable("another call with it is still being served");
        }
    }

    private async Task<KeyView> HereAsync(PoolKey key, CancellationToken cancel)
    {
        var view = await cluster.KeysAsync(cancel);
        return KeyHomes.Route(view, key) switch
        {
            KeyRoute.Here => view,
            KeyRoute.At(var home) => throw GrpcErrors.KeyUnavailable($"{home.Node} keeps it now, and not {cluster.Name}"),
            KeyRoute.Unknown(var why) => throw GrpcErrors.KeyUnavailable(why),
            _ => throw new InvalidOperationException("a route of a key that is not known"),
        };
    }

    /// <summary>Where the key has a VM already, or may have one.</summary>
    /// <returns>Null: nowhere that is known.</returns>
    private async Task<AcquireResponse?> AgainAsync(KeyView view, PoolKey key, AcquireRequest request, ServerCallContext context)
    {
        string? silent = null;
        foreach (var node in Table.HostsOf(key))
        {
            switch (KeyHomes.Ask(view, node))
            {
                case KeyAnswer.Nobody:
                    Table.Remove(key, node);
                    continue;
                case KeyAnswer.Silent(var why):
                    silent = why;
                    continue;
            }

            switch (await FindAsync(view, node, key))
            {
                case true:
                    return await GiveAsync(view, node, key, request, warmOnly: false, context.Deadline, context, known: true);
                case false:
                    Table.Remove(key, node);
                    break;
                case null:
                    silent = $"{node}, which may have a VM of the key, does not answer";
                    break;
            }
        }

        return silent is null ? null : throw GrpcErrors.KeyUnavailable(silent);
    }

    /// <param name="known">The host has said that it has a VM of the key.</param>
    /// <exception cref="FinalRefusal">The host has one, or may have.</exception>
    private async Task<AcquireResponse> GiveAsync(
        KeyView view, NodeName node, PoolKey key, AcquireRequest request, bool warmOnly, DateTime deadline, ServerCallContext context, bool known = false)
    {
        if (view.Of(node) is not { Reachable: true } to) throw GrpcErrors.NodeAway(node.Value);
        var home = _survey.Number(view);
        Table.Add(key, node, home.Number);
        try
        {
            var given = await peers.GiveAsync(view.Self!, to, new GiveKey { Request = request, Home = home, WarmOnly = warmOnly }, deadline, context);
            Note();
            return given;
        }
        catch (RpcException refusal)
        {
            var held = !known && KeyPeers.WasNotAsked(refusal) ? false : await FindAsync(view, node, key);
            if (held == false)
            {
                Table.Remove(key, node);
                throw;
            }

            Note();
            throw new FinalRefusal(
                held == true && GrpcErrors.Passed(refusal) is { } said ? said : GrpcErrors.KeyUnavailable($"{node} was asked for a VM, and may have given one ({refusal.Status.Detail})"));
        }

        // A survey that was taken meanwhile may have removed it: a host that has restarted since may have said "none" first and given one then.
        void Note() => Table.Add(key, node, _survey.Number(view).Number);
    }

    private Task<bool?> FindAsync(KeyView view, NodeName node, PoolKey key)
        => view.Of(node) is { } at
            ? peers.FindAsync(view.Self!, at, new FindKey { Pool = key.Pool.Value, Key = key.Key, Home = _survey.Number(view) }, CancellationToken.None)
            : Task.FromResult<bool?>(null);

    private async Task<bool> IsWorseAsync(HostCapacity there, NodeName asker, PoolName pool, ServerCallContext context)
        => asker == cluster.Options!.Node
            ? await reporter.IsWorseAsync(there, pool, context)
            : HostReporter.IsWorse((await cluster.FindAsync(asker.Tag, context)).Host, there, pool);
}
