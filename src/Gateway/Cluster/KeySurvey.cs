using Grpc.Core;
using VmCacheCluster.Domain;
using VmCacheCluster.Gateway.Keys.Wire;
using VmCacheCluster.Gateway.Services;

namespace VmCacheCluster.Gateway.Cluster;

/// <summary>Asks all hosts which keys of this home their VMs have, once at a time for all who need it.</summary>
/// <param name="members">As they are now.</param>
/// <param name="ask">Asks one host; refused with an <see cref="RpcException"/>.</param>
public sealed class KeySurvey(
    KeyTable table, Func<Task<KeyView>> members, Func<KeyView, KeyMember, CollectKeys, Task<KeysCollected>> ask,
    TimeProvider time)
{
    /// <summary>So many hosts are asked at once what they have.</summary>
    private const int Breadth = 32;

    /// <summary>A host that does not answer now will hardly do so a moment later.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private Task<string?> _running = Task.FromResult<string?>(null);
    private long? _tidiedAt;
    private long _number;

    public KeyTable Table => table;

    /// <summary>Who asks, and which question it is.</summary>
    public KeyAsker Number(KeyView view)
        => new() { Node = view.Self!.Node.Value, Uid = view.Self.Uid, Number = Interlocked.Increment(ref _number) };

    /// <summary>Until the table knows all that was given, or cannot.</summary>
    /// <exception cref="RpcException">KEY_UNAVAILABLE.</exception>
    public async Task LearnAsync(PoolKey key, CancellationToken cancel)
    {
        Task<string?> running;
        lock (_gate) running = _running.IsCompleted ? _running = Task.Run(() => AskAsync(some: false), CancellationToken.None) : _running;
        try
        {
            if (await running.WaitAsync(cancel) is { } why) throw GrpcErrors.KeyUnavailable(why);
        }
        catch (OperationCanceledException)
        {
            throw GrpcErrors.Cancelled();
        }
    }

    /// <summary>Has a large table forget what is over, as far as hosts say so; nobody waits for it.</summary>
    public void TidyLarge()
    {
        if (!table.IsLarge) return;
        lock (_gate)
        {
            if (!_running.IsCompleted || (_tidiedAt is { } at && time.GetElapsedTime(at) < Pause)) return;
            _tidiedAt = time.GetTimestamp();
            _running = Task.Run(() => AskAsync(some: true), CancellationToken.None);
        }
    }

    /// <param name="some">Those that can be asked are asked, if not all can.</param>
    /// <returns>Why not all is known; null: it is.</returns>
    private async Task<string?> AskAsync(bool some)
    {
        KeyView view;
        try
        {
            view = await members();
        }
        catch (RpcException e)
        {
            return e.Status.Detail;
        }

        if (view.Self is not { } self) return "this node is in no cluster now";
        var why = KeyHomes.WhyNotAsked(view);
        if (why is not null && !some) return why;
        var question = new CollectKeys { Home = Number(view), Members = KeyHomes.Digest(view) };
        using var slots = new SemaphoreSlim(Breadth);
        var hosts = view.Members.Where(m => m.Reachable && (m.Peer is not null || m.Node == self.Node));
        var answers = await Task.WhenAll(hosts.Select(m => AskAsync(view, m, question, slots)));
        // Who has been a member for longer may have seen one leave.
        why ??= answers.FirstOrDefault(a => a.Answer is null).Why
            ?? answers.SelectMany(a => a.Answer!.Gone).Select(g => new NodeName(g)).Where(g => view.Of(g) is null)
                .Select(KeyHomes.WhyGone).FirstOrDefault();
        var held = answers.Where(a => a.Answer is not null)
            .ToDictionary(a => a.Host, a => (IReadOnlyList<PoolKey>)[.. a.Answer!.Keys.Select(k => KeyHolder.KeyOf(k.Pool, k.Key))]);
        if (why is null) table.Learn(view, held, question.Home.Number);
        else table.Tidy(view, held, question.Home.Number);
        return why;
    }

    private async Task<(NodeName Host, KeysCollected? Answer, string? Why)> AskAsync(
        KeyView view, KeyMember host, CollectKeys question, SemaphoreSlim slots)
    {
        await slots.WaitAsync();
        try
        {
            return (host.Node, await ask(view, host, question), null);
        }
        catch (RpcException e)
        {
            return (host.Node, null, $"{host.Node}, which may have a VM of the key, does not say so: {e.Status.Detail}");
        }
        finally
        {
            slots.Release();
        }
    }
}
